#include "quantization/quantized_weight.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/count_nonzero.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/ones_like.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/numbers.h"
#include "kernels/float_types.h"
#include "kernels/quantize.h"

namespace slm {
namespace {

// Over x and x^, in float64.
struct Sums {
  double signal = 0, noise = 0, product = 0, size = 0;  // of x^2, (x - x^)^2, x x^, x^^2
  double largest = 0;                                   // |x - x^|

  void add(const Sums& other) {
    signal += other.signal;
    noise += other.noise;
    product += other.product;
    size += other.size;
    largest = std::max(largest, other.largest);
  }
};

Sums sums_of(const float* x, const float* y, int64_t count) {
  Sums sums;
  for (int64_t i = 0; i < count; ++i) {
    const double exact = x[i], rounded = y[i], error = exact - rounded;
    sums.signal += exact * exact;
    sums.noise += error * error;
    sums.product += exact * rounded;
    sums.size += rounded * rounded;
    sums.largest = std::max(sums.largest, std::abs(error));
  }
  return sums;
}

// Blocks of a fixed size are added up in their order, so the result does not depend on the number of threads.
Sums sums_of(const at::Tensor& x, const at::Tensor& y) {
  SLM_CHECK(x.sizes() == y.sizes() && x.scalar_type() == at::kFloat && y.scalar_type() == at::kFloat);
  constexpr int64_t kBlock = 1 << 15;
  const int64_t count = x.numel(), blocks = (count + kBlock - 1) / kBlock;
  std::vector<Sums> parts(static_cast<size_t>(blocks));
  const auto *exact = elements<const float>(x), *rounded = elements<const float>(y);
  at::parallel_for(0, blocks, 1, [&](int64_t from, int64_t to) {
    for (int64_t block = from; block < to; ++block) {
      const int64_t begin = block * kBlock;
      parts[static_cast<size_t>(block)] = sums_of(exact + begin, rounded + begin, std::min(kBlock, count - begin));
    }
  });
  Sums all;
  for (const auto& part : parts) all.add(part);
  return all;
}

QuantizationError error_of(const Sums& sums) {
  QuantizationError result;
  result.sqnr_db =
      sums.noise == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(sums.signal / sums.noise);
  const double length = std::sqrt(sums.signal) * std::sqrt(sums.size);
  result.cosine = length != 0 ? sums.product / length : (sums.signal == sums.size ? 1 : 0);
  result.max_abs_error = sums.largest;
  return result;
}

// Calls body(first row, number of rows) for some rows of a weight after others, so that copies of them stay small.
template <class Body>
void for_each_part(const at::Tensor& weight, const Body& body) {
  constexpr int64_t kElements = 1 << 20;
  const int64_t rows = weight.size(0), step = std::max<int64_t>(1, kElements / weight.size(1));
  for (int64_t row = 0; row < rows; row += step) body(row, std::min(step, rows - row));
}

}  // namespace

at::Tensor amax_scales(const at::Tensor& weight, const Scheme& scheme) {
  std::vector<at::Tensor> parts;
  for_each_part(weight, [&](int64_t row, int64_t count) {
    parts.push_back(
        largest_magnitude(weight.narrow(0, row, count), scheme.per_tensor(), scheme.run_length(weight.size(1))));
  });
  const auto amax = at::cat(parts);
  return symmetric_scales(scheme.per_tensor() ? at::amax(amax, 0, /*keepdim=*/true) : amax, scheme.codes());
}

QuantizedWeight round_to_nearest(const at::Tensor& weight, const Scheme& scheme, const at::Tensor& scales) {
  return {scheme, quantize(weight, scales, scheme.run_length(weight.size(1)), scheme.codes()), scales};
}

QuantizedWeight rows_of(const QuantizedWeight& weight, int64_t first, int64_t count) {
  return {weight.scheme, weight.codes.narrow(0, first, count),
          weight.scheme.per_tensor() ? weight.scales : weight.scales.narrow(0, first, count)};
}

at::Tensor dequantize(const QuantizedWeight& weight) {
  return dequantize(weight.codes, weight.scales, weight.scheme.run_length(weight.codes.size(1)));
}

void check_finite(const at::Tensor& weight, std::string_view layer) {
  for_each_part(weight, [&](int64_t first, int64_t count) {
    const auto wrong = at::nonzero(at::isfinite(weight.narrow(0, first, count)).logical_not());  // (found, 2)
    if (wrong.size(0) == 0) return;
    const auto row = first + wrong[0][0].item<int64_t>(), column = wrong[0][1].item<int64_t>();
    fail(ExitCode::kData,
         "{}: the weight holds {} at row {}, column {}; it cannot be quantized (the checkpoint's training diverged; "
         "use an earlier one)",
         layer, found_number(weight[row][column].item<float>()), row, column);
  });
}

QuantizationError quantization_error(const at::Tensor& x, const at::Tensor& approximation) {
  return error_of(sums_of(x.cpu().contiguous(), approximation.cpu().contiguous()));
}

QuantizationError quantization_error(const at::Tensor& weight, const QuantizedWeight& quantized) {
  Sums sums;
  for_each_part(weight, [&](int64_t row, int64_t count) {
    const auto x = weight.narrow(0, row, count).cpu().contiguous();
    sums.add(sums_of(x, dequantize(rows_of(quantized, row, count)).cpu()));
  });
  return error_of(sums);
}

double clipped_share(const at::Tensor& weight, const QuantizedWeight& quantized) {
  const double outermost = quantized.scheme.codes().max + 0.5;
  int64_t clipped = 0;
  for_each_part(weight, [&](int64_t row, int64_t count) {
    const auto part = rows_of(quantized, row, count);
    const auto step = dequantize({part.scheme, at::ones_like(part.codes), part.scales});
    clipped += at::count_nonzero(at::abs(weight.narrow(0, row, count)) > step * outermost).item<int64_t>();
  });
  return static_cast<double>(clipped) / static_cast<double>(weight.numel());
}

}  // namespace slm
