#include "formats/dtype.h"

#include <array>
#include <string>

#include "core/error.h"

namespace slm {

namespace {

struct Row {
  DType dtype;
  std::string_view name;
  size_t size;
};

constexpr std::array kRows = {
    Row{DType::kBool, "BOOL", 1},      Row{DType::kU8, "U8", 1},          Row{DType::kI8, "I8", 1},
    Row{DType::kF8E5M2, "F8_E5M2", 1}, Row{DType::kF8E4M3, "F8_E4M3", 1}, Row{DType::kI16, "I16", 2},
    Row{DType::kU16, "U16", 2},        Row{DType::kF16, "F16", 2},        Row{DType::kBF16, "BF16", 2},
    Row{DType::kI32, "I32", 4},        Row{DType::kU32, "U32", 4},        Row{DType::kF32, "F32", 4},
    Row{DType::kF64, "F64", 8},        Row{DType::kI64, "I64", 8},        Row{DType::kU64, "U64", 8},
};

const Row& row_of(DType dtype) {
  const auto index = static_cast<size_t>(dtype);
  SLM_CHECK(index < kRows.size() && kRows[index].dtype == dtype);
  return kRows[index];
}

}  // namespace

std::string_view dtype_name(DType dtype) { return row_of(dtype).name; }

size_t dtype_size(DType dtype) { return row_of(dtype).size; }

std::optional<DType> find_dtype(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

std::string dtype_names() {
  std::string names;
  for (const Row& row : kRows) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

}  // namespace slm
