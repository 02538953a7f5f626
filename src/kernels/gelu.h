// The Gaussian error linear unit (Hendrycks and Gimpel 2016) in GPT-2's approximation by tanh.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// x/2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), which Hugging Face calls gelu_new. Differentiable.
at::Tensor gelu_new(const at::Tensor& x);

}  // namespace slm
