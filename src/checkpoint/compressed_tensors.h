// What other programs need to know of a quantized folder: quantization_config of config.json, in the convention of
// compressed-tensors (https://github.com/vllm-project/compressed-tensors), which transformers and vLLM read.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "model/transformer_config.h"
#include "quantization/metadata.h"

namespace slm {

struct CompressedTensorsConfig {
  nlohmann::ordered_json json;  // null where the convention cannot express the model
  std::string why_none;         // and then the reason
};

CompressedTensorsConfig compressed_tensors_config(const TransformerConfig& config,
                                                  const QuantizationMetadata& metadata);

}  // namespace slm
