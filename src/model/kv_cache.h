// Keys and values of the tokens seen so far. The cache owns storage, row lengths and mask, so that another way of
// storing them is another class and no other file changes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
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

/// Keys and values as they come, in their own dtype, allocated at the first pass for `capacity` tokens a row.
class FloatKvCache final : public KvCache {
 public:
  FloatKvCache(int64_t n_layers, int64_t rows, int64_t capacity);

  int64_t rows() const override { return static_cast<int64_t>(lengths_.size()); }
  int64_t length(int64_t row) const override { return lengths_[static_cast<size_t>(row)]; }
  int64_t capacity() const override { return capacity_; }
  Positions next_positions(int64_t tokens) const override;
  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) override;
  void set_length(int64_t row, int64_t length) override;
  std::unique_ptr<KvCache> row(int64_t index) override;
  void keep_rows(std::span<const int64_t> kept) override;

 private:
  void allocate(const at::Tensor& k);
  bool rows_are_equally_long() const;
  at::Tensor ragged_positions(int64_t tokens) const;

  int64_t n_layers_, capacity_;
  std::vector<int64_t> lengths_;
  at::Tensor keys_, values_;  // (L, B, G, capacity, D), undefined before the first pass
  at::Tensor places_, mask_;  // of the present pass where the rows differ: (B, T) and (B, 1, T, S)
};

}  // namespace slm
