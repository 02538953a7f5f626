// Reads a float model's parameters from its folder into an arena, all of them or some.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/parameter_files.h"
#include "model/hugging_face/tensor_layout.h"
#include "model/parameter_arena.h"
#include "model/transformer_config.h"

namespace slm {

class ParameterLoader {
 public:
  /// Opens the safetensors files of `folder`, one or several, for a model of shape `config` whose parameters lie in
  /// `arena`. Error (kData) naming a tensor that is missing or unknown, or a quantized folder.
  /// The last `new_tokens` of the vocabulary are not in the files: their rows of embedding and head become the mean of
  /// the others, as Hewitt 2021 advises ("Initializing New Word Embeddings for Pretrained Language Models").
  ParameterLoader(const std::filesystem::path& folder, const TransformerConfig& config, const ParameterArena& arena,
                  int64_t new_tokens = 0);

  /// One for each tensor of the files that the model has.
  const std::vector<FileTensor>& layout() const { return layout_; }
  /// Fills the parameters that a tensor of the layout consists of; float32, bfloat16 and float16 become what the arena
  /// holds. Its pages of the file are given back. Error (kData) for another shape or dtype. Shadows are not updated.
  void load(const FileTensor& tensor) const;

 private:
  ParameterFiles::Place find(const std::string& name) const;
  void check_names(const TransformerConfig& config) const;
  std::vector<int64_t> shape_of(const FileTensor& layout) const;

  ParameterFiles files_;
  std::vector<FileTensor> layout_;
  int64_t new_tokens_;
  std::map<std::string, at::Tensor> parameters_;  // by canonical name
};

}  // namespace slm
