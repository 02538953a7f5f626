// Fake quantization while training: tensors take the values that their codes stand for, and gradients go through as if
// they had not been rounded (the straight-through estimator; Bengio et al. 2013, arXiv:1308.3432). What lies beyond the
// outermost code is clipped, and has no gradient there.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/quantize.h"

namespace slm {

/// fake_quantize (quantize.h) into `out` (N, K), rounded to its dtype: float32 or bfloat16.
void fake_quantize_into(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range,
                        const at::Tensor& out);

/// Backward pass of fake_quantize under learned scales (LSQ; Esser et al. 2020, arXiv:1902.08153): `gradient` (N, K)
/// float32, that of the values, becomes that of x, 0 where x was clipped. Returns the scales' gradient in their shape,
/// float32: the sum, in float64, of gradient times code - x / s, and of gradient times code where x was clipped. (The
/// paper's factor 1 / sqrt(count * max) is the caller's.) The same bits whatever the number of threads.
at::Tensor fake_quantize_backward(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range,
                                  const at::Tensor& gradient);

/// Activations of any shape, float32 or bfloat16, under one range for all; differentiable in x. Adds the number of
/// clipped elements to `clipped`.
at::Tensor fake_quantize_affine(const at::Tensor& x, AffineScale scale, int64_t& clipped);

/// Activations (..., K), each row with a scale of its own, amax / 127, which is no variable of the gradient; nothing is
/// clipped. Differentiable in x.
at::Tensor fake_quantize_rows(const at::Tensor& x);

}  // namespace slm
