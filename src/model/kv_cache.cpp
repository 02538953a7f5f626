#include "model/kv_cache.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/index_put.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/error.h"
#include "kernels/attention.h"

namespace slm {
namespace {

// Writes x (B, G, T, D) into stored (B, G, capacity, D) at each row's places (B, T).
void write_rows(const at::Tensor& stored, const at::Tensor& places, const at::Tensor& x) {
  const auto rows = at::arange(x.size(0), places.options()).unsqueeze(1);  // (B, 1)
  stored.transpose(1, 2).index_put_({rows, places}, x.transpose(1, 2));    // (B, T, G, D)
}

}  // namespace

FloatKvCache::FloatKvCache(int64_t n_layers, int64_t rows, int64_t capacity)
    : n_layers_(n_layers), capacity_(capacity), lengths_(static_cast<size_t>(rows), 0) {}

void FloatKvCache::allocate(const at::Tensor& k) {
  // Zeros: masked places are multiplied by 0, which would not hide a NaN in memory that nobody wrote.
  keys_ = at::zeros({n_layers_, rows(), k.size(1), capacity_, k.size(3)}, k.options());
  values_ = at::zeros(keys_.sizes(), k.options());
}

bool FloatKvCache::rows_are_equally_long() const {
  return std::equal(lengths_.begin() + 1, lengths_.end(), lengths_.begin());
}

at::Tensor FloatKvCache::ragged_positions(int64_t tokens) const {
  return at::tensor(lengths_, at::kLong).unsqueeze(1) + at::arange(tokens);  // (B, T)
}

Positions FloatKvCache::next_positions(int64_t tokens) const {
  if (rows_are_equally_long()) return {.first = lengths_[0], .each = {}};
  return {.each = ragged_positions(tokens)};
}

at::Tensor FloatKvCache::attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (!keys_.defined()) allocate(k);
  const int64_t added = k.size(2), total = *std::max_element(lengths_.begin(), lengths_.end()) + added;
  SLM_CHECK(k.size(0) == rows() && total <= capacity_);
  const auto all_keys = keys_.select(0, layer), all_values = values_.select(0, layer);  // (B, G, capacity, D)
  const auto keys = all_keys.narrow(2, 0, total), values = all_values.narrow(2, 0, total);
  const bool equally_long = rows_are_equally_long();
  if (equally_long) {
    keys.narrow(2, lengths_[0], added).copy_(k);
    values.narrow(2, lengths_[0], added).copy_(v);
  } else {
    if (layer == 0) {
      places_ = ragged_positions(added).to(k.device());
      mask_ = at::arange(total, places_.options()) <=
              places_.view({rows(), 1, added, 1});  // a token sees those up to its own place
    }
    write_rows(all_keys, places_, k);
    write_rows(all_values, places_, v);
  }
  if (layer + 1 == n_layers_) {
    for (auto& length : lengths_) length += added;
  }
  return equally_long ? causal_attention(q, keys, values) : masked_attention(q, keys, values, mask_);
}

void FloatKvCache::set_length(int64_t row, int64_t length) {
  SLM_CHECK(length >= 0 && length <= capacity_);
  lengths_[static_cast<size_t>(row)] = length;
}

std::unique_ptr<KvCache> FloatKvCache::row(int64_t index) {
  SLM_CHECK(keys_.defined());
  auto alone = std::make_unique<FloatKvCache>(n_layers_, 1, capacity_);
  alone->keys_ = keys_.narrow(1, index, 1);
  alone->values_ = values_.narrow(1, index, 1);
  return alone;
}

void FloatKvCache::keep_rows(std::span<const int64_t> kept) {
  std::vector<int64_t> lengths;
  for (const int64_t row : kept) lengths.push_back(length(row));
  lengths_ = std::move(lengths);
  if (!keys_.defined()) return;
  const auto rows = at::tensor(std::vector<int64_t>(kept.begin(), kept.end()), at::kLong).to(keys_.device());
  keys_ = keys_.index_select(1, rows);
  values_ = values_.index_select(1, rows);
}

}  // namespace slm
