// Causal attention of whole sequences on a CPU, in tiles whose scores stay in the cache.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

struct TiledAttention {
  at::Tensor output;    // (B, H, T, D), laid out as (B, T, H, D)
  at::Tensor log_sums;  // (B, H, T) float32: the logarithm of each query's sum of exp(scaled scores)
};

struct AttentionGradients {
  at::Tensor q, k, v;  // as the inputs, laid out as (B, T, heads, D)
};

/// Whether the two functions below can do it: on a CPU with AVX-512, float32 or bfloat16 with an even head size, as
/// many queries as keys.
bool can_tile_attention(const at::Tensor& q, const at::Tensor& k);

/// softmax(q k^T / sqrt(D) + causal mask) v; q (B, H, T, D), k and v (B, G, T, D), H a multiple of G, the elements of a
/// head side by side. Scores, sums and results are float32 before they are stored; weights have the inputs' dtype. A
/// head and its sequence belong to one thread, so that the number of threads changes no bit. After Dao et al. 2022, but
/// a query's scores are whole when their softmax is taken.
TiledAttention tiled_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

/// From the gradient of `forward.output`, with the scores computed anew.
AttentionGradients tiled_attention_backward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                            const TiledAttention& forward, const at::Tensor& gradient);

}  // namespace slm
