// The dense linear layer.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// y = x W^T + b: x (..., K), weight (N, K), bias (N) or undefined; y (..., N). Differentiable.
at::Tensor dense_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace slm
