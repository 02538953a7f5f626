#include "model/rope.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>

#include "kernels/rope.h"

namespace slm {

Rope::Rope(int64_t max_length, int64_t head_dim, double theta) {
  const auto exponents = at::arange(0, head_dim, 2, at::kDouble) / static_cast<double>(head_dim);
  const auto angles = at::outer(at::arange(max_length, at::kDouble), at::pow(theta, -exponents));
  cos_ = angles.cos().to(at::kFloat);
  sin_ = angles.sin().to(at::kFloat);
}

at::Tensor Rope::rotate(const at::Tensor& x, int64_t first_position) const {
  const int64_t length = x.size(2);
  return slm::rotate(x, cos_.narrow(0, first_position, length), sin_.narrow(0, first_position, length));
}

}  // namespace slm
