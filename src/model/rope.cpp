#include "model/rope.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>

namespace slm {

Rope::Rope(int64_t max_length, int64_t head_dim, double theta) {
  const auto exponents = at::arange(0, head_dim, 2, at::kDouble) / static_cast<double>(head_dim);
  const auto angles = at::outer(at::arange(max_length, at::kDouble), at::pow(theta, -exponents));
  cos_ = angles.cos().to(at::kFloat);
  sin_ = angles.sin().to(at::kFloat);
}

RopeAngles Rope::angles(const Positions& positions, int64_t tokens) const {
  if (!positions.each.defined()) {
    return {cos_.narrow(0, positions.first, tokens), sin_.narrow(0, positions.first, tokens)};
  }
  return {at::embedding(cos_, positions.each).unsqueeze(1), at::embedding(sin_, positions.each).unsqueeze(1)};
}

}  // namespace slm
