// A quantized model's folder: as a float one's, with codes and scales in model.safetensors, and
// quantization_metadata.json.
#pragma once

#include <filesystem>

#include "data/tokenizer.h"
#include "model/transformer.h"
#include "quantization/metadata.h"

namespace slm {

/// Writes the folder's files but for the manifest (tokenizer files only with a tokenizer). The model's PackedLinear
/// layers are those that `metadata` lists.
void write_quantized_folder(const std::filesystem::path& folder, Transformer& model,
                            const QuantizationMetadata& metadata, const Tokenizer* tokenizer);

}  // namespace slm
