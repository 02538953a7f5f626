// quantization_metadata.json, written and read. docs/quantization_metadata.schema.json describes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "quantization/metadata.h"

namespace slm {

inline constexpr const char* kQuantizationMetadataFile = "quantization_metadata.json";
/// What a folder keeps beside the codes where its metadata has `residual`.
inline constexpr const char* kResidualFile = "residual.safetensors";
/// The version that this program writes. A newer one is refused by name.
inline constexpr int64_t kQuantizationMetadataVersion = 1;

/// The document as text; what is read from it is written again to the same bytes. Error (kData) naming the number that
/// is not finite, which a model without a finite loss leads to.
std::string metadata_json(const QuantizationMetadata& metadata);

/// Error (kData) beginning with `origin` (the file's path) and the key: one that is missing or unknown, a wrong type, a
/// number outside its range, a layer that is listed twice, a version newer than this program's. What the tensors must
/// look like is checked where they are read.
QuantizationMetadata parse_metadata(std::string_view text, const std::string& origin);

/// The tensors of a quantized layer, by the names of compressed-tensors.
std::string codes_name(const QuantizedLayerInfo& layer);  // (N, K) I8, or at 4 bits (N, ceil(K / 8)) I32
std::string scales_name(const QuantizedLayerInfo& layer);

}  // namespace slm
