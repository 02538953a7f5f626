// The nearest orthogonal matrix, about: what Muon makes of a gradient (Jordan et al. 2024,
// https://kellerjordan.github.io/posts/muon/). With X = U S V^T the result is near U V^T.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace slm {

/// x (N, K) float32 -> (N, K) in `dtype`, in which the products are made (float32 or bfloat16). x is divided by its
/// 2-norm; then `steps` times, of Newton-Schulz's quintic,
///   X = a X + (b A + c A A) X  with A = X X^T,  (a, b, c) = (3.4445, -4.7750, 2.0315),
/// on the transposed matrix where N > K. These coefficients draw small singular values up fastest and leave all of them
/// between about 0.7 and 1.2, not at 1. A zero matrix stays zero.
at::Tensor orthogonalized(const at::Tensor& x, int64_t steps, at::ScalarType dtype);

}  // namespace slm
