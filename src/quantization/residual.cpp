#include "quantization/residual.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/round.h>
#include <ATen/ops/where.h>

#include <algorithm>

#include "core/error.h"

namespace slm {
namespace {

constexpr float kInside = 0.5f - 0x1p-12f;   // of a step: rounding to float32 does not lead out of the cell
constexpr int64_t kPieceElements = 1 << 18;  // float values that exist at a time

// The smallest and the largest residual that belong to each code, float32.
struct Cells {
  at::Tensor low, high;
};

Cells cells_of(const QuantizedWeight& weight, int bits) {
  SLM_CHECK(bits == 2 || bits == 4 || bits == 8);
  const auto range = weight.scheme.codes();
  const auto half = static_cast<float>(1 << (bits - 1));
  const auto widest = half - at::bitwise_and(weight.codes, 1).to(at::kFloat);
  return {at::where(weight.codes == range.min, 0.0f, -widest), at::where(weight.codes == range.max, 0.0f, widest)};
}

// The scale of each element, (N, K) float32.
at::Tensor steps_of(const QuantizedWeight& weight) {
  return dequantize({weight.scheme, at::ones_like(weight.codes), weight.scales});
}

at::Tensor limited(const at::Tensor& residual, const Cells& cells) {
  return at::minimum(at::maximum(residual, cells.low), cells.high);
}

at::ScalarType residual_type(int bits) { return bits < 8 ? at::kChar : at::kShort; }

// Calls body(first row, rows) for some rows after others.
template <class Body>
void for_each_part(const QuantizedWeight& weight, const Body& body) {
  const int64_t rows = weight.codes.size(0), step = std::max<int64_t>(1, kPieceElements / weight.codes.size(1));
  for (int64_t row = 0; row < rows; row += step) body(row, std::min(step, rows - row));
}

}  // namespace

at::Tensor residual_of(const at::Tensor& weight, const QuantizedWeight& quantized, int bits) {
  const auto parts = static_cast<float>(1 << bits);
  const auto residual = at::empty(weight.sizes(), weight.options().dtype(residual_type(bits)));
  for_each_part(quantized, [&](int64_t row, int64_t count) {
    const auto part = rows_of(quantized, row, count);
    const auto number = at::round(weight.narrow(0, row, count) * (parts / steps_of(part)));
    residual.narrow(0, row, count).copy_(limited(number - part.codes.to(at::kFloat) * parts, cells_of(part, bits)));
  });
  return residual;
}

at::Tensor dequantize_with_residual(const QuantizedWeight& quantized, const at::Tensor& residual, int bits) {
  const auto parts = static_cast<float>(1 << bits);
  auto values = at::empty(residual.sizes(), residual.options().dtype(at::kFloat));
  for_each_part(quantized, [&](int64_t row, int64_t count) {
    const auto part = rows_of(quantized, row, count);
    const auto inside = (residual.narrow(0, row, count).to(at::kFloat) / parts).clamp_(-kInside, kInside);
    values.narrow(0, row, count).copy_((part.codes.to(at::kFloat) + inside) * steps_of(part));
  });
  return values;
}

at::Tensor convert_residual(const at::Tensor& residual, const QuantizedWeight& quantized, int from, int to) {
  if (from == to) return residual;
  const auto converted = at::empty(residual.sizes(), residual.options().dtype(residual_type(to)));
  if (to == 0) return converted.zero_();
  const auto ratio = static_cast<float>(1 << to) / static_cast<float>(1 << from);
  for_each_part(quantized, [&](int64_t row, int64_t count) {
    const auto exact = residual.narrow(0, row, count).to(at::kFloat) * ratio;
    converted.narrow(0, row, count).copy_(limited(at::round(exact), cells_of(rows_of(quantized, row, count), to)));
  });
  return converted;
}

std::optional<MatrixPlace> find_foreign_residual(const at::Tensor& residual, const QuantizedWeight& quantized,
                                                 int bits) {
  std::optional<MatrixPlace> found;
  for_each_part(quantized, [&](int64_t row, int64_t count) {
    if (found) return;
    const auto part = residual.narrow(0, row, count).to(at::kFloat);
    const auto [low, high] = cells_of(rows_of(quantized, row, count), bits);
    const auto wrong = at::nonzero((part < low).logical_or(part > high));
    if (wrong.size(0) > 0) found = {row + wrong[0][0].item<int64_t>(), wrong[0][1].item<int64_t>()};
  });
  return found;
}

}  // namespace slm
