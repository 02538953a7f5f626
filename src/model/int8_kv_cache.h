// Keys and values as int8 codes with a scale for each token and head: half the bytes of bfloat16 and a little more.
#pragma once

#include "model/kv_cache.h"

namespace slm {

/// Each head's key (D) of each token is quantized symmetrically under a scale of its own (kernels/quantize.h,
/// quantize_rows), and so is its value: D + 4 bytes a head and token, where bfloat16 takes 2 D. Attention is computed
/// in float32 over what the codes stand for, a few heads at a time, so that never more than some megabytes of it exist.
class Int8KvCache final : public StoredKvCache {
 public:
  using StoredKvCache::StoredKvCache;

 protected:
  std::vector<at::Tensor> encode(const at::Tensor& k, const at::Tensor& v) const override;
  at::Tensor attend_stored(const at::Tensor& q, const std::vector<at::Tensor>& stored,
                           const at::Tensor& mask) const override;
  std::unique_ptr<StoredKvCache> make_empty(int64_t n_layers, int64_t rows) const override;
};

}  // namespace slm
