#include "quantization/quantized_weight.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/ones_like.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "kernels/quantize.h"

namespace slm {

at::Tensor amax_scales(const at::Tensor& weight, const Scheme& scheme) {
  const auto amax = largest_magnitude(weight, scheme.per_tensor(), scheme.run_length(weight.size(1)));
  return symmetric_scales(amax, scheme.codes());
}

QuantizedWeight round_to_nearest(const at::Tensor& weight, const Scheme& scheme, const at::Tensor& scales) {
  return {scheme, quantize(weight, scales, scheme.run_length(weight.size(1)), scheme.codes()), scales};
}

at::Tensor dequantize(const QuantizedWeight& weight) {
  return dequantize(weight.codes, weight.scales, weight.scheme.run_length(weight.codes.size(1)));
}

void check_finite(const at::Tensor& weight, std::string_view layer) {
  const auto wrong = at::nonzero(at::isfinite(weight).logical_not());  // (count, 2)
  if (wrong.size(0) == 0) return;
  const auto row = wrong[0][0].item<int64_t>(), column = wrong[0][1].item<int64_t>();
  fail(ExitCode::kData,
       "{}: the weight holds {} at row {}, column {}; it cannot be quantized (the checkpoint's training diverged; use "
       "an earlier one)",
       layer, weight[row][column].item<float>(), row, column);
}

QuantizationError quantization_error(const at::Tensor& x, const at::Tensor& approximation) {
  const c10::NoGradGuard no_grad;
  const auto exact = x.to(at::kDouble), rounded = approximation.to(at::kDouble), error = exact - rounded;
  const auto signal = exact.square().sum().item<double>(), noise = error.square().sum().item<double>();
  const auto product = (exact * rounded).sum().item<double>(), size = rounded.square().sum().item<double>();
  QuantizationError result;
  result.sqnr_db = noise == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(signal / noise);
  result.cosine = signal == 0 && size == 0 ? 1 : product / std::sqrt(signal * size);
  result.max_abs_error = error.numel() == 0 ? 0 : at::abs(error).max().item<double>();
  return result;
}

double clipped_share(const at::Tensor& weight, const QuantizedWeight& quantized) {
  const auto& scheme = quantized.scheme;
  const auto step = dequantize({scheme, at::ones_like(quantized.codes), quantized.scales});
  const double outermost = scheme.codes().max + 0.5;
  return (at::abs(weight) > step * outermost).to(at::kDouble).mean().item<double>();
}

}  // namespace slm
