// The element types of safetensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace slm {

/// In the order of the safetensors package, which lays out the tensors of a file by it (from the last to the first).
/// Its types of less than a byte are not among them.
enum class DType : uint8_t {
  kBool,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kF64,
  kI64,
  kU64,
};

/// The name in a file's header: "BF16".
std::string_view dtype_name(DType dtype);
/// Bytes of one element.
size_t dtype_size(DType dtype);
/// The type of that name, or nullopt.
std::optional<DType> find_dtype(std::string_view name);
/// All names, "BOOL, U8, ...", for messages.
std::string dtype_names();

}  // namespace slm
