// The gate of SwiGLU (Shazeer 2020, arXiv:2002.05202) as one operation.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// silu(gate) * up with silu(x) = x / (1 + e^-x): gate and up (..., F) float32 or bfloat16; the result is rounded once.
/// Differentiable; keeps gate and up for backward.
at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);

/// The same where gate and up are the halves of one tensor (..., 2F), as one product gives them.
at::Tensor swiglu(const at::Tensor& gate_and_up);

}  // namespace slm
