// The JSON header of a safetensors file, apart from the file around it.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/safetensors.h"

namespace slm {

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  // in the order of their data
  std::map<std::string, std::string> metadata;
};

/// The largest header that the safetensors package reads.
inline constexpr size_t kMaxSafetensorsHeader = 100'000'000;

/// Parses and checks a header for `data_size` bytes of data. Error (kData) beginning with `origin`.
SafetensorsHeader parse_safetensors_header(std::string_view text, uint64_t data_size, const std::string& origin);

/// The header's text, tensors in the given order, with spaces up to a multiple of 8.
/// Error (kFailed) where a name or a metadata string is no valid UTF-8.
std::string safetensors_header_text(std::span<const TensorInfo> tensors,
                                    const std::map<std::string, std::string>& metadata);

/// Bytes of a tensor, or nullopt where the number does not fit 64 bits or a dimension is negative.
std::optional<uint64_t> tensor_bytes(DType dtype, std::span<const int64_t> shape);

}  // namespace slm
