#include "kernels/attention.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>

namespace slm {

at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const int64_t queries = q.size(2), keys = k.size(2);
  const bool grouped = q.size(1) != k.size(1);
  // LibTorch aligns is_causal at the top left, so that queries that are the last of more keys need a mask of their own;
  // a single query sees every key and needs none.
  std::optional<at::Tensor> mask;
  if (queries != keys && queries > 1) {
    mask = at::ones({queries, keys}, q.options().dtype(at::kBool)).tril(keys - queries);
  }
  return at::scaled_dot_product_attention(q, k, v, mask, /*dropout_p=*/0.0, /*is_causal=*/queries == keys,
                                          /*scale=*/std::nullopt, /*enable_gqa=*/grouped);
}

at::Tensor masked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask) {
  return at::scaled_dot_product_attention(q, k, v, mask, /*dropout_p=*/0.0, /*is_causal=*/false,
                                          /*scale=*/std::nullopt, /*enable_gqa=*/q.size(1) != k.size(1));
}

}  // namespace slm
