#include "kernels/cpu/attention_tiles.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/cpu/exp.h"
#include "kernels/cpu/vector_clones.h"

namespace slm::cpu {
namespace {

constexpr int64_t kLanes = 16;

// Elements that lie side by side in a packed matrix.
template <class Float>
constexpr int64_t kInterleaved = sizeof(float) / sizeof(Float);

}  // namespace

template <class Float>
SLM_VECTOR_CLONES void pack_rows(const Float* __restrict rows, int64_t stride, int64_t count, int64_t width,
                                 Float* __restrict packed) {
  constexpr int64_t kGroup = kInterleaved<Float>;
  int64_t row = 0;
  for (; row + kGroup <= count; row += kGroup) {
    const Float *from = rows + row * stride, *last = from + (kGroup - 1) * stride;
    for (int64_t i = 0; i < width; ++i, packed += kGroup) {
      packed[0] = from[i];
      packed[kGroup - 1] = last[i];
    }
  }
  std::fill_n(packed, (kAttentionTile - row) * width, Float{});
  for (int64_t i = 0; row < count && i < width; ++i) packed[i * kGroup] = rows[row * stride + i];
}

template <class Float>
SLM_VECTOR_CLONES void pack_transposed(const Float* __restrict rows, int64_t stride, int64_t count, int64_t width,
                                       Float* __restrict packed) {
  constexpr int64_t kGroup = kInterleaved<Float>;
  std::fill_n(packed, kAttentionTile * width, Float{});
  for (int64_t i = 0; i < width; i += kGroup) {
    Float* to = packed + i * kAttentionTile;
    for (int64_t row = 0; row < count; ++row) {
      for (int64_t part = 0; part < kGroup; ++part) to[row * kGroup + part] = rows[row * stride + i + part];
    }
  }
}

template <class Float>
SLM_VECTOR_CLONES void transpose(const Float* __restrict rows, int64_t stride, int64_t count, int64_t width,
                                 Float* __restrict out) {
  std::fill_n(out, kAttentionTile * width, Float{});
  for (int64_t i = 0; i < width; ++i) {
    for (int64_t row = 0; row < count; ++row) out[i * kAttentionTile + row] = rows[row * stride + i];
  }
}

template <class Float>
SLM_VECTOR_CLONES float softmax_numerators(const float* __restrict scores, int64_t visible, int64_t padded, float scale,
                                           Float* __restrict weights, float* log_sum) {
  std::array<float, kLanes> lanes;
  lanes.fill(-std::numeric_limits<float>::infinity());
  int64_t j = 0;
  for (; j + kLanes <= visible; j += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] = std::max(lanes[lane], scores[j + lane]);
  }
  for (; j < visible; ++j) lanes[0] = std::max(lanes[0], scores[j]);
  const float largest = *std::max_element(lanes.begin(), lanes.end());

  lanes.fill(0);
  for (j = 0; j + kLanes <= visible; j += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const float weight = exp_of_negative(scale * (scores[j + lane] - largest));
      lanes[lane] += weight;
      store(weights[j + lane], weight);
    }
  }
  for (; j < visible; ++j) {
    const float weight = exp_of_negative(scale * (scores[j] - largest));
    lanes[0] += weight;
    store(weights[j], weight);
  }
  std::fill(weights + visible, weights + padded, Float{});
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  *log_sum = scale * largest + std::log(sum);
  return sum;
}

template <class Float>
SLM_VECTOR_CLONES void differentiate_softmax(const float* __restrict scores, const float* __restrict weight_gradients,
                                             const float* __restrict log_sums, const float* __restrict deltas,
                                             int64_t first_visible, float scale, Float* __restrict weights,
                                             Float* __restrict score_gradients) {
  for (int64_t j = 0; j < kAttentionTile; ++j) {
    const int64_t row = j * kAttentionTile, hidden = first_visible + j;
    for (int64_t i = 0; i < kAttentionTile; ++i) {
      const float seen = exp_of_negative(scale * scores[row + i] - log_sums[i]);
      const float weight = i < hidden ? 0.0f : seen;
      const float gradient = scale * weight * (weight_gradients[row + i] - deltas[i]);
      store(weights[row + i], weight);
      store(score_gradients[row + i], i < hidden ? 0.0f : gradient);
    }
  }
}

template <class Float>
SLM_VECTOR_CLONES float dot(const Float* __restrict a, const Float* __restrict b, int64_t count) {
  std::array<float, kLanes> lanes{};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += to_float(a[i + lane]) * to_float(b[i + lane]);
  }
  for (; i < count; ++i) lanes[0] += to_float(a[i]) * to_float(b[i]);
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

template <class Float>
SLM_VECTOR_CLONES void store_scaled(const float* __restrict values, int64_t count, float factor,
                                    Float* __restrict out) {
  for (int64_t i = 0; i < count; ++i) store(out[i], factor * values[i]);
}

#define SLM_INSTANTIATE(Float)                                                                                        \
  template void pack_rows(const Float*, int64_t, int64_t, int64_t, Float*);                                           \
  template void pack_transposed(const Float*, int64_t, int64_t, int64_t, Float*);                                     \
  template void transpose(const Float*, int64_t, int64_t, int64_t, Float*);                                           \
  template float softmax_numerators(const float*, int64_t, int64_t, float, Float*, float*);                           \
  template void differentiate_softmax(const float*, const float*, const float*, const float*, int64_t, float, Float*, \
                                      Float*);                                                                        \
  template float dot(const Float*, const Float*, int64_t);                                                            \
  template void store_scaled(const float*, int64_t, float, Float*);

SLM_INSTANTIATE(float)
SLM_INSTANTIATE(Bfloat16)

}  // namespace slm::cpu
