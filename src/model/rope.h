// Rotary position embedding (Su et al. 2021, arXiv:2104.09864) in the half-split layout of Hugging Face's Llama:
// element d is rotated together with element d + D/2.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "model/positions.h"
#include "model/transformer_config.h"

namespace slm {

/// What kernels/rope.h rotates by: cosines and sines at the tokens' positions, (T, D / 2), or (B, 1, T, D / 2) where
/// the rows' positions differ.
struct RopeAngles {
  at::Tensor cos, sin;
};

class Rope {
 public:
  /// Tables for positions 0 .. max_length - 1; head_dim D is even. Computed on the CPU, wherever they are to lie.
  /// With `scaling` a pair's frequency f, which turns t = L f / (2 pi) times in the L =
  /// original_max_position_embeddings tokens of the earlier training, becomes f (s + (1 - s) / factor), where s = (t -
  /// low) / (high - low) clamped to [0, 1]: quick pairs stay, slow ones become `factor` times slower (Llama 3.1, July
  /// 2024: apply_scaling in its released model.py; rope_type llama3 of transformers).
  Rope(int64_t max_length, int64_t head_dim, double theta, const std::optional<RopeScaling>& scaling = {},
       at::Device device = at::kCPU);

  /// The angles of T tokens a row.
  RopeAngles angles(const Positions& positions, int64_t tokens) const;

 private:
  at::Tensor cos_, sin_;  // (max_length, D / 2) float32, computed in float64
};

}  // namespace slm
