// Keys and values of the tokens seen so far. The cache owns storage, row lengths and mask, so that another way of
// storing them is another class and no other file changes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace slm {

class KvCache {
 public:
  virtual ~KvCache() = default;

  /// Tokens stored so far, the same in every layer between forward passes.
  virtual int64_t length() const = 0;
  /// How many more tokens fit.
  virtual int64_t capacity() const = 0;
  /// Appends k, v (B, G, T, D) of layer `layer` and attends with q (B, H, T, D), whose tokens are the last T:
  /// (B, H, T, D). The length grows with the last layer's call.
  virtual at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) = 0;
};

/// Float32 keys and values, allocated once for `capacity` tokens.
class FloatKvCache final : public KvCache {
 public:
  FloatKvCache(int64_t n_layers, int64_t rows, int64_t n_kv_heads, int64_t head_dim, int64_t capacity,
               at::Device device = at::kCPU);

  int64_t length() const override { return length_; }
  int64_t capacity() const override { return keys_.size(3); }
  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) override;

 private:
  at::Tensor keys_, values_;  // (L, B, G, capacity, D)
  int64_t length_ = 0;
};

}  // namespace slm
