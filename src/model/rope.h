// Rotary position embedding (Su et al. 2021, arXiv:2104.09864) in the half-split layout of Hugging Face's Llama:
// element d is rotated together with element d + D/2.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

class Rope {
 public:
  /// Tables for positions 0 .. max_length - 1; head_dim D is even.
  Rope(int64_t max_length, int64_t head_dim, double theta);

  /// Rotates x (B, H, T, D), whose tokens stand at positions first .. first + T - 1.
  at::Tensor rotate(const at::Tensor& x, int64_t first_position) const;

 private:
  at::Tensor cos_, sin_;  // (max_length, D / 2) float32, computed in float64
};

}  // namespace slm
