// Adapters in the format of peft (https://github.com/huggingface/peft): adapter_config.json and
// adapter_model.safetensors. A checkpoint of a run that trains adapters is the folder of the model below them, as it
// was, with these two files in the folder `adapter` inside; there `transformers`, which would otherwise take the outer
// folder for an adapter, does not look.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/adapters.h"
#include "model/transformer_config.h"

namespace slm {

inline constexpr const char* kAdapterFolder = "adapter";
inline constexpr const char* kAdapterConfigFile = "adapter_config.json";
inline constexpr const char* kAdapterTensorsFile = "adapter_model.safetensors";

/// What adapter_config.json says of all adapters.
struct AdapterInfo {
  std::string base;  // base_model_name_or_path: what the run started from
  int64_t rank = 0;
  double alpha = 0, dropout = 0;
};

/// Whether a checkpoint has adapters over its model.
bool has_adapter(const std::filesystem::path& checkpoint);

/// Makes `folder` with the two files. Tensors are float32, by the names of the Hugging Face class of `config`.
void write_adapter(const std::filesystem::path& folder, const TransformerConfig& config, const AdapterInfo& info,
                   const std::vector<AdapterWeights>& weights);

/// Reads a folder that peft or slm wrote, for a model of shape `config`; float32, bfloat16 and float16 become float32.
/// An adapter of GPT-2's c_attn becomes one each of q, k and v with a common A, which is the same change. Error (kData)
/// naming the key or tensor that the model cannot have, or that asks for more than scale B A.
std::vector<AdapterWeights> read_adapter(const std::filesystem::path& folder, const TransformerConfig& config);

}  // namespace slm
