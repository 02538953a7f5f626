// How a model's canonical parameters lie in model.safetensors: one to one, or renamed, joined and transposed.
#pragma once

#include <string>
#include <vector>

#include "model/transformer_config.h"

namespace slm {

/// One tensor of the file. Its matrix is that of `parts`, joined along the outputs (our orientation: out x in), and
/// transposed as a whole where `transposed`.
struct FileTensor {
  std::string name;
  std::vector<std::string> parts;  // canonical names
  bool transposed = false;
  bool always_zero = false;  // the class has it and the model has not: written as zeros, and read only if it is zero
};

/// The tensors of a float model's file, in the names of its Hugging Face class; canonical ones where no class fits.
std::vector<FileTensor> file_layout(const TransformerConfig& config);

/// The canonical name of every parameter of a model, in the order of its file.
std::vector<std::string> parameter_names(const TransformerConfig& config);

/// Whether a file may hold `name` beyond the layout: buffers that older releases of `transformers` saved
/// (GPT-2's attention masks, Llama's inverse frequencies) and the second name of a tied head.
bool ignorable_tensor(const TransformerConfig& config, const std::string& name);

}  // namespace slm
