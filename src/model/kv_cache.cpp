#include "model/kv_cache.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/index_put.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/error.h"
#include "kernels/attention.h"
#include "model/int8_kv_cache.h"

namespace slm {

std::string_view name_of(KvCacheKind kind) { return kind == KvCacheKind::kFloat ? "float" : "int8"; }

std::unique_ptr<KvCache> make_kv_cache(KvCacheKind kind, int64_t n_layers, int64_t rows, int64_t capacity) {
  if (kind == KvCacheKind::kInt8) return std::make_unique<Int8KvCache>(n_layers, rows, capacity);
  return std::make_unique<FloatKvCache>(n_layers, rows, capacity);
}

StoredKvCache::StoredKvCache(int64_t n_layers, int64_t rows, int64_t capacity)
    : n_layers_(n_layers), capacity_(capacity), lengths_(static_cast<size_t>(rows), 0) {}

void StoredKvCache::allocate(const std::vector<at::Tensor>& encoded) {
  for (const auto& x : encoded) {  // (B, G, T, ...)
    auto sizes = x.sizes().vec();
    sizes[2] = capacity_;
    sizes.insert(sizes.begin(), n_layers_);
    // Zeros: masked places are multiplied by 0, which would not hide a NaN in memory that nobody wrote.
    stored_.push_back(at::zeros(sizes, x.options()));
  }
}

int64_t StoredKvCache::bytes() const {
  int64_t sum = 0;
  for (const auto& tensor : stored_) sum += static_cast<int64_t>(tensor.nbytes());
  return sum;
}

bool StoredKvCache::rows_are_equally_long() const {
  return std::equal(lengths_.begin() + 1, lengths_.end(), lengths_.begin());
}

at::Tensor StoredKvCache::ragged_positions(int64_t tokens) const {
  return at::tensor(lengths_, at::kLong).unsqueeze(1) + at::arange(tokens);  // (B, T)
}

Positions StoredKvCache::next_positions(int64_t tokens) const {
  if (rows_are_equally_long()) return {.first = lengths_[0], .each = {}};
  return {.each = ragged_positions(tokens)};
}

// Writes x (B, G, T, ...) into stored (B, G, capacity, ...) where each row's next tokens belong.
void StoredKvCache::write(const at::Tensor& stored, const at::Tensor& x) const {
  if (rows_are_equally_long()) {
    stored.narrow(2, lengths_[0], x.size(2)).copy_(x);
    return;
  }
  const auto row_numbers = at::arange(x.size(0), places_.options()).unsqueeze(1);  // (B, 1)
  stored.transpose(1, 2).index_put_({row_numbers, places_}, x.transpose(1, 2));    // (B, T, G, ...)
}

at::Tensor StoredKvCache::attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const auto encoded = encode(k, v);
  if (stored_.empty()) allocate(encoded);
  const int64_t added = k.size(2), total = *std::max_element(lengths_.begin(), lengths_.end()) + added;
  SLM_CHECK(k.size(0) == rows() && total <= capacity_);
  const bool ragged = !rows_are_equally_long();
  if (ragged && layer == 0) {
    places_ = ragged_positions(added).to(k.device());
    mask_ = at::arange(total, places_.options()) <=
            places_.view({rows(), 1, added, 1});  // a token sees those up to its own place
  }
  std::vector<at::Tensor> seen;
  for (size_t i = 0; i < encoded.size(); ++i) {
    const auto stored = stored_[i].select(0, layer);  // (B, G, capacity, ...)
    write(stored, encoded[i]);
    seen.push_back(stored.narrow(2, 0, total));
  }
  if (layer + 1 == n_layers_) {
    for (auto& length : lengths_) length += added;
  }
  return attend_stored(q, seen, ragged ? mask_ : at::Tensor());
}

void StoredKvCache::set_length(int64_t row, int64_t length) {
  SLM_CHECK(length >= 0 && length <= capacity_);
  lengths_[static_cast<size_t>(row)] = length;
}

std::unique_ptr<KvCache> StoredKvCache::row(int64_t index) {
  SLM_CHECK(!stored_.empty());
  auto alone = make_empty(n_layers_, 1);
  for (const auto& tensor : stored_) alone->stored_.push_back(tensor.narrow(1, index, 1));
  return alone;
}

void StoredKvCache::keep_rows(std::span<const int64_t> kept) {
  std::vector<int64_t> lengths;
  for (const int64_t row : kept) lengths.push_back(length(row));
  lengths_ = std::move(lengths);
  const auto rows = at::tensor(std::vector<int64_t>(kept.begin(), kept.end()), at::kLong);
  for (auto& tensor : stored_) tensor = tensor.index_select(1, rows.to(tensor.device()));
}

at::Tensor FloatKvCache::attend_stored(const at::Tensor& q, const std::vector<at::Tensor>& stored,
                                       const at::Tensor& mask) const {
  return mask.defined() ? masked_attention(q, stored[0], stored[1], mask) : causal_attention(q, stored[0], stored[1]);
}

std::unique_ptr<StoredKvCache> FloatKvCache::make_empty(int64_t n_layers, int64_t rows) const {
  return std::make_unique<FloatKvCache>(n_layers, rows, capacity());
}

}  // namespace slm
