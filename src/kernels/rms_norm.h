// RMSNorm (Zhang & Sennrich 2019, arXiv:1910.07467) as one operation.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// y = x / sqrt(mean(x^2) + eps) * weight over the last dimension: x (..., C) float32 or bfloat16, weight (C) float32;
/// y as x. Statistics are float32, y is rounded once. Differentiable; keeps x and one float a row for backward. Where
/// the weight is a leaf with a preassigned gradient, backward adds to it. No result depends on the number of threads.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

}  // namespace slm
