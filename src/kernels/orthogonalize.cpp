#include "kernels/orthogonalize.h"

#include <ATen/ops/norm.h>

#include "kernels/matrix_product.h"

namespace slm {

at::Tensor orthogonalized(const at::Tensor& x, int64_t steps, at::ScalarType dtype) {
  constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315, kEpsilon = 1e-7;
  const bool is_tall = x.size(0) > x.size(1);
  auto result = (is_tall ? x.t() : x).div(x.norm().clamp_min(kEpsilon)).to(dtype).contiguous();  // rows <= columns
  for (int64_t step = 0; step < steps; ++step) {
    const auto gram = product_with_transposed(result, result, {});    // A, symmetric
    const auto factor = product(gram, gram).mul_(kC).add_(gram, kB);  // b A + c A A
    result = product(factor, result).add_(result, kA);
  }
  return is_tall ? result.t() : result;
}

}  // namespace slm
