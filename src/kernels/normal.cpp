#include "kernels/normal.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstring>
#include <numbers>

#include "core/error.h"
#include "core/rng.h"

namespace slm {
namespace {

constexpr int64_t kBlocks = 2048;        // Philox blocks of one piece
constexpr int64_t kPiece = 4 * kBlocks;  // values of one piece, two from each pair of words

// Words to uniform numbers: (0, 1] for the radius, whose logarithm must be finite, [0, 2 pi) for the angle.
void to_uniform(const uint32_t* words, float* radius, const uint32_t* more_words, float* angle) {
  constexpr float kScale = 0x1p-32f, kTurn = 2 * std::numbers::pi_v<float> * kScale;
  for (int64_t j = 0; j < kBlocks; ++j) {
    radius[j] = (static_cast<float>(words[j]) + 1.0f) * kScale;
    angle[j] = static_cast<float>(more_words[j]) * kTurn;
  }
}

// Piece `index` of the sequence: the cosines of both pairs of words, then the sines.
void draw_piece(uint64_t key, int64_t index, double standard_deviation, float* out) {
  std::array<std::array<uint32_t, kBlocks>, 4> words;
  philox4x32_blocks(key, static_cast<uint64_t>(index * kBlocks), kBlocks,
                    {words[0].data(), words[1].data(), words[2].data(), words[3].data()});
  std::array<float, 2 * kBlocks> radii, angles;
  to_uniform(words[0].data(), radii.data(), words[1].data(), angles.data());
  to_uniform(words[2].data(), radii.data() + kBlocks, words[3].data(), angles.data() + kBlocks);
  auto radius = at::from_blob(radii.data(), {2 * kBlocks});
  const auto angle = at::from_blob(angles.data(), {2 * kBlocks});
  radius.log_().mul_(-2.0).sqrt_().mul_(standard_deviation);
  auto values = at::from_blob(out, {2, 2 * kBlocks});
  values[0].copy_(angle).cos_().mul_(radius);
  values[1].copy_(angle).sin_().mul_(radius);
}

}  // namespace

void fill_normal(const at::Tensor& out, double standard_deviation, uint64_t key) {
  SLM_CHECK(out.scalar_type() == at::kFloat && out.is_contiguous());
  if (!out.is_cpu()) {
    const auto drawn = at::empty(out.sizes());
    fill_normal(drawn, standard_deviation, key);
    out.copy_(drawn);
    return;
  }
  const int64_t size = out.numel(), pieces = (size + kPiece - 1) / kPiece;
  auto* values = out.data_ptr<float>();
  at::parallel_for(0, pieces, 1, [&](int64_t from, int64_t to) {
    const c10::NoGradGuard no_grad;
    for (int64_t piece = from; piece < to; ++piece) {
      std::array<float, kPiece> whole;
      draw_piece(key, piece, standard_deviation, whole.data());
      const int64_t begin = piece * kPiece, count = std::min(kPiece, size - begin);
      std::memcpy(values + begin, whole.data(), static_cast<size_t>(count) * sizeof(float));
    }
  });
}

}  // namespace slm
