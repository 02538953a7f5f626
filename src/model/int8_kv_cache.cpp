#include "model/int8_kv_cache.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "kernels/attention.h"
#include "kernels/quantize.h"

namespace slm {
namespace {

constexpr int64_t kValuesAtOnce = 1 << 19;  // elements of keys that are float32 at a time, and of values

// The values (n, 1, S, D) of codes (B, G, S, D) and scales (B, G, S) of heads `first` to `first` + n - 1, counted over
// all rows.
at::Tensor values_of(const at::Tensor& codes, const at::Tensor& scales, int64_t first, int64_t count) {
  const int64_t seen = codes.size(2), width = codes.size(3);
  const auto some = codes.flatten(0, 1).narrow(0, first, count).reshape({count * seen, width});
  const auto their_scales = scales.flatten(0, 1).narrow(0, first, count).reshape({count * seen, 1});
  return dequantize(some, their_scales, width).view({count, 1, seen, width});
}

}  // namespace

// Codes and scales of k, then of v.
std::vector<at::Tensor> Int8KvCache::encode(const at::Tensor& k, const at::Tensor& v) const {
  std::vector<at::Tensor> encoded;
  for (const auto& x : {k, v}) {
    const auto quantized = quantize_rows(x);
    encoded.push_back(quantized.codes.view(x.sizes()));
    encoded.push_back(quantized.scales.view({x.size(0), x.size(1), x.size(2)}));
  }
  return encoded;
}

at::Tensor Int8KvCache::attend_stored(const at::Tensor& q, const std::vector<at::Tensor>& stored,
                                      const at::Tensor& mask) const {
  const int64_t batch = q.size(0), tokens = q.size(2), width = q.size(3);
  const int64_t heads = stored[0].size(1), seen = stored[0].size(2), all = batch * heads;  // G, S, B * G
  const auto queries = q.to(at::kFloat).reshape({all, q.size(1) / heads, tokens, width});
  const auto masks = mask.defined() ? mask.expand({batch, heads, tokens, seen}).reshape({all, 1, tokens, seen}) : mask;
  const auto y = at::empty(queries.sizes(), queries.options());
  const int64_t at_once = std::max<int64_t>(1, kValuesAtOnce / (seen * width));
  for (int64_t first = 0; first < all; first += at_once) {
    const int64_t count = std::min(at_once, all - first);
    const auto some = queries.narrow(0, first, count);
    const auto keys = values_of(stored[0], stored[1], first, count);
    const auto values = values_of(stored[2], stored[3], first, count);
    y.narrow(0, first, count)
        .copy_(masks.defined() ? masked_attention(some, keys, values, masks.narrow(0, first, count))
                               : causal_attention(some, keys, values));
  }
  return y.view(q.sizes()).to(q.scalar_type());
}

std::unique_ptr<StoredKvCache> Int8KvCache::make_empty(int64_t n_layers, int64_t rows) const {
  return std::make_unique<Int8KvCache>(n_layers, rows, capacity());
}

}  // namespace slm
