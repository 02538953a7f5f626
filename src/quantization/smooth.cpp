#include "quantization/smooth.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

namespace slm {

at::Tensor smoothing_factors(const at::Tensor& largest, const std::vector<at::Tensor>& weights, double alpha) {
  constexpr double kLeast = 1e-5, kMost = 1e5;
  auto columns = at::zeros_like(largest);  // (K) largest |w| of each input, over all layers
  for (const auto& weight : weights) columns = at::maximum(columns, at::amax(at::abs(weight), 0));
  const auto factors = largest.to(at::kDouble).pow(alpha) / columns.to(at::kDouble).pow(1 - alpha);
  const auto both = (largest > 0).logical_and(columns > 0);
  return at::where(both, factors.clamp(kLeast, kMost).to(at::kFloat), at::ones_like(largest));
}

}  // namespace slm
