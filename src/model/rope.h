// Rotary position embedding (Su et al. 2021, arXiv:2104.09864) in the half-split layout of Hugging Face's Llama:
// element d is rotated together with element d + D/2.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/positions.h"

namespace slm {

/// What kernels/rope.h rotates by: cosines and sines at the tokens' positions, (T, D / 2), or (B, 1, T, D / 2) where
/// the rows' positions differ.
struct RopeAngles {
  at::Tensor cos, sin;
};

class Rope {
 public:
  /// Tables for positions 0 .. max_length - 1; head_dim D is even.
  Rope(int64_t max_length, int64_t head_dim, double theta);

  /// The angles of T tokens a row.
  RopeAngles angles(const Positions& positions, int64_t tokens) const;

 private:
  at::Tensor cos_, sin_;  // (max_length, D / 2) float32, computed in float64
};

}  // namespace slm
