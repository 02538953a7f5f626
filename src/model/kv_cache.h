// Keys and values of the tokens seen so far. The cache owns storage, row lengths and mask, so that another way of
// storing them is another class and no other file changes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "model/positions.h"

namespace slm {

class KvCache {
 public:
  virtual ~KvCache() = default;

  /// Texts side by side: the B of every pass.
  virtual int64_t rows() const = 0;
  /// Tokens of a row stored so far, the same in every layer between forward passes.
  virtual int64_t length(int64_t row) const = 0;
  /// How many tokens a row can hold.
  virtual int64_t capacity() const = 0;
  /// Bytes of the storage, that of tokens still to come included; 0 before the first pass.
  virtual int64_t bytes() const = 0;
  /// Where the next T tokens of each row stand.
  virtual Positions next_positions(int64_t tokens) const = 0;
  /// Appends k, v (B, G, T, D) of layer `layer` and attends with q (B, H, T, D), whose tokens are each row's last T:
  /// (B, H, T, D). The lengths grow with the last layer's call.
  virtual at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) = 0;

  /// Only the first `length` tokens stored of the row count from now on: takes padding on the right back, or all (0).
  virtual void set_length(int64_t row, int64_t length) = 0;
  /// An empty cache of one row that stores where row `index` of this one does, to read that row alone and anew. What it
  /// reads counts here once set_length says so. At least one pass has been made.
  virtual std::unique_ptr<KvCache> row(int64_t index) = 0;
  /// Only these rows stay, in this order.
  virtual void keep_rows(std::span<const int64_t> kept) = 0;
};

/// How keys and values are stored: as they come, or as int8 codes (int8_kv_cache.h).
enum class KvCacheKind { kFloat, kInt8 };

/// float or int8
std::string_view name_of(KvCacheKind kind);

std::unique_ptr<KvCache> make_kv_cache(KvCacheKind kind, int64_t n_layers, int64_t rows, int64_t capacity);

/// Keys and values in tensors that are allocated at the first pass for `capacity` tokens a row. What those tensors are
/// is a subclass's business; where each row's tokens lie in them, and which a query sees, is the same for all.
class StoredKvCache : public KvCache {
 public:
  StoredKvCache(int64_t n_layers, int64_t rows, int64_t capacity);

  int64_t rows() const override { return static_cast<int64_t>(lengths_.size()); }
  int64_t length(int64_t row) const override { return lengths_[static_cast<size_t>(row)]; }
  int64_t capacity() const override { return capacity_; }
  int64_t bytes() const override;
  Positions next_positions(int64_t tokens) const override;
  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) override;
  void set_length(int64_t row, int64_t length) override;
  std::unique_ptr<KvCache> row(int64_t index) override;
  void keep_rows(std::span<const int64_t> kept) override;

 protected:
  /// What is stored of k and v (B, G, T, D): tensors (B, G, T, ...).
  virtual std::vector<at::Tensor> encode(const at::Tensor& k, const at::Tensor& v) const = 0;
  /// Attends to what was stored of the S longest rows' tokens, (B, G, S, ...) each, with a mask (B, 1, T, S), or
  /// causally where it is undefined.
  virtual at::Tensor attend_stored(const at::Tensor& q, const std::vector<at::Tensor>& stored,
                                   const at::Tensor& mask) const = 0;
  virtual std::unique_ptr<StoredKvCache> make_empty(int64_t n_layers, int64_t rows) const = 0;

 private:
  void allocate(const std::vector<at::Tensor>& encoded);
  bool rows_are_equally_long() const;
  at::Tensor ragged_positions(int64_t tokens) const;
  void write(const at::Tensor& stored, const at::Tensor& x) const;

  int64_t n_layers_, capacity_;
  std::vector<int64_t> lengths_;
  std::vector<at::Tensor> stored_;  // (L, B, G, capacity, ...), none before the first pass
  at::Tensor places_, mask_;        // of the present pass where the rows differ: (B, T) and (B, 1, T, S)
};

/// Keys and values as they come, in their own dtype.
class FloatKvCache final : public StoredKvCache {
 public:
  using StoredKvCache::StoredKvCache;

 protected:
  std::vector<at::Tensor> encode(const at::Tensor& k, const at::Tensor& v) const override { return {k, v}; }
  at::Tensor attend_stored(const at::Tensor& q, const std::vector<at::Tensor>& stored,
                           const at::Tensor& mask) const override;
  std::unique_ptr<StoredKvCache> make_empty(int64_t n_layers, int64_t rows) const override;
};

}  // namespace slm
