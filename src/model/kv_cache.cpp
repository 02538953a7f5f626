#include "model/kv_cache.h"

#include <ATen/ops/empty.h>

#include "core/error.h"
#include "kernels/attention.h"

namespace slm {

FloatKvCache::FloatKvCache(int64_t n_layers, int64_t rows, int64_t n_kv_heads, int64_t head_dim, int64_t capacity,
                           at::Device device)
    : keys_(at::empty({n_layers, rows, n_kv_heads, capacity, head_dim}, device)),
      values_(at::empty({n_layers, rows, n_kv_heads, capacity, head_dim}, device)) {}

at::Tensor FloatKvCache::attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const int64_t added = k.size(2), total = length_ + added;
  SLM_CHECK(total <= capacity());
  const auto keys = keys_.select(0, layer).narrow(2, 0, total), values = values_.select(0, layer).narrow(2, 0, total);
  keys.narrow(2, length_, added).copy_(k);
  values.narrow(2, length_, added).copy_(v);
  if (layer + 1 == keys_.size(0)) length_ = total;
  return causal_attention(q, keys, values);
}

}  // namespace slm
