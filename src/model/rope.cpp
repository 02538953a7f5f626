#include "model/rope.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>

#include <numbers>

namespace slm {
namespace {

// frequencies (D / 2) in radians a token, float64
at::Tensor scaled(const at::Tensor& frequencies, const RopeScaling& scaling) {
  const double length = static_cast<double>(scaling.original_max_position_embeddings);
  const auto turns = frequencies * (length / (2 * std::numbers::pi));
  const double low = scaling.low_freq_factor, high = scaling.high_freq_factor;
  const auto kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
  return frequencies * (kept + (1 - kept) / scaling.factor);
}

}  // namespace

Rope::Rope(int64_t max_length, int64_t head_dim, double theta, const std::optional<RopeScaling>& scaling,
           at::Device device) {
  const auto exponents = at::arange(0, head_dim, 2, at::kDouble) / static_cast<double>(head_dim);
  auto frequencies = at::pow(theta, -exponents);
  if (scaling) frequencies = scaled(frequencies, *scaling);
  const auto angles = at::outer(at::arange(max_length, at::kDouble), frequencies);
  cos_ = angles.cos().to(device, at::kFloat);
  sin_ = angles.sin().to(device, at::kFloat);
}

RopeAngles Rope::angles(const Positions& positions, int64_t tokens) const {
  if (!positions.each.defined()) {
    return {cos_.narrow(0, positions.first, tokens), sin_.narrow(0, positions.first, tokens)};
  }
  return {at::embedding(cos_, positions.each).unsqueeze(1), at::embedding(sin_, positions.each).unsqueeze(1)};
}

}  // namespace slm
