// The dense linear layer.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// y = x W^T + b: x (..., K), weight (N, K), bias (N) or undefined; y (..., N). Differentiable.
/// Under bfloat16 x, weight and y are bfloat16 and the bias float32; each product is rounded once, sums are float32.
/// Where weight and bias are leaves with a preassigned gradient (the arena's), backward adds to it inside the matrix
/// product, so that no gradient of the weight's size is ever allocated.
at::Tensor dense_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace slm
