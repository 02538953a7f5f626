// Scaled dot-product attention with a causal mask.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// softmax(q k^T / sqrt(D) + causal mask) v: q (B, H, T, D) are the last T of the S tokens of k, v (B, G, S, D), H a
/// multiple of G (query head h reads head h / (H / G)); the result is (B, H, T, D). Differentiable.
at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

}  // namespace slm
