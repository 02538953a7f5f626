// Rotary position embedding (Su et al. 2021, arXiv:2104.09864) in the half-split layout of Hugging Face's Llama:
// element d is rotated together with element d + D/2.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// Rotates x (B, H, T, D), float32 or bfloat16, in any layout whose heads are contiguous, by angles whose cosines and
/// sines are (T, D/2) or (B, 1, T, D/2) float32, contiguous. Arithmetic is float32, the result is rounded once and laid
/// out as (B, T, H, D). Differentiable; keeps only the angles for the backward pass, which turns the other way.
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

}  // namespace slm
