#include "kernels/cpu/cross_entropy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/cpu/exp.h"
#include "kernels/cpu/vector_clones.h"

namespace slm::cpu {
namespace {

constexpr int64_t kLanes = 16;   // independent partial results, so that a loop is vectorized without reordering
constexpr int64_t kBlock = 512;  // values of one float32 partial sum

template <class Float>
inline float largest(const Float* row, int64_t count) {
  std::array<float, kLanes> best;
  best.fill(-std::numeric_limits<float>::infinity());
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const float value = to_float(row[i + lane]);
      best[lane] = value > best[lane] ? value : best[lane];
    }
  }
  for (; i < count; ++i) best[0] = std::max(best[0], to_float(row[i]));
  return *std::max_element(best.begin(), best.end());
}

// Sum of exp(row - peak): float32 within a block, float64 over the blocks.
template <class Float>
inline double sum_of_exponentials(const Float* row, int64_t count, float peak) {
  double sum = 0;
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, count);
    std::array<float, kLanes> partial{};
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (int64_t lane = 0; lane < kLanes; ++lane) partial[lane] += exp_of_negative(to_float(row[i + lane]) - peak);
    }
    for (; i < end; ++i) partial[0] += exp_of_negative(to_float(row[i]) - peak);
    for (const float value : partial) sum += static_cast<double>(value);
  }
  return sum;
}

}  // namespace

template <class Float>
SLM_VECTOR_CLONES void cross_entropy_with_gradient(Float* logits, const int64_t* targets, int64_t rows,
                                                   int64_t vocabulary, int64_t ignored, float scale, float* losses) {
  for (int64_t i = 0; i < rows; ++i) {
    Float* row = logits + i * vocabulary;
    losses[i] = 0;
    if (targets[i] == ignored) {
      for (int64_t j = 0; j < vocabulary; ++j) store(row[j], 0.0f);
      continue;
    }
    const float peak = largest(row, vocabulary);
    const double sum = sum_of_exponentials(row, vocabulary, peak);
    const float target_logit = to_float(row[targets[i]]);
    losses[i] = static_cast<float>(std::log(sum) + (static_cast<double>(peak) - static_cast<double>(target_logit)));
    const auto factor = static_cast<float>(scale / sum);
    const float target_gradient =
        static_cast<float>(scale * (std::exp(static_cast<double>(target_logit) - peak) / sum - 1.0));
    for (int64_t j = 0; j < vocabulary; ++j) store(row[j], factor * exp_of_negative(to_float(row[j]) - peak));
    store(row[targets[i]], target_gradient);
  }
}

template void cross_entropy_with_gradient(float*, const int64_t*, int64_t, int64_t, int64_t, float, float*);
template void cross_entropy_with_gradient(Bfloat16*, const int64_t*, int64_t, int64_t, int64_t, float, float*);

}  // namespace slm::cpu
