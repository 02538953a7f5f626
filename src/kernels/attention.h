// Scaled dot-product attention with a causal mask, or one of the caller's.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// softmax(q k^T / sqrt(D) + causal mask) v: q (B, H, T, D) are the last T of the S tokens of k, v (B, G, S, D), H a
/// multiple of G (query head h reads head h / (H / G)); the result is (B, H, T, D). Differentiable.
at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

/// The same with a mask (B, 1, T, S) in place of the causal one: of bool, true where a query sees a key, or of q's
/// dtype, added to the scores (0 or -infinity). A query sees at least one key. k and v hold finite numbers where no
/// query sees them, too.
at::Tensor masked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask);

}  // namespace slm
