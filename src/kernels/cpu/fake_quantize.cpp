#include "kernels/cpu/fake_quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "kernels/cpu/vector_clones.h"

namespace slm::cpu {
namespace {

constexpr int64_t kLanes = 16;  // independent sums, so that the loop is vectorized without reordering

}  // namespace

template <class Float>
SLM_VECTOR_CLONES void fake_quantize_run(const float* __restrict x, int64_t count, const RunScale& run,
                                         Float* __restrict values) {
  const float scale = run.scale, inverse = 1.0f / scale, zero_point = run.zero_point;
  const auto min = static_cast<float>(run.range.min), max = static_cast<float>(run.range.max);
  for (int64_t i = 0; i < count; ++i) {
    store(values[i], dequantize_element(quantize_element(x[i], inverse, zero_point, min, max), scale, zero_point));
  }
}

template <class Float>
SLM_VECTOR_CLONES int64_t fake_quantize_activations(const Float* __restrict x, int64_t count, const RunScale& run,
                                                    Float* __restrict values, bool* __restrict inside) {
  const float scale = run.scale, inverse = 1.0f / scale, zero_point = run.zero_point;
  const auto min = static_cast<float>(run.range.min), max = static_cast<float>(run.range.max);
  int32_t clipped = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float value = to_float(x[i]), code = std::nearbyint(value * inverse) + zero_point;
    const bool within = code >= min && code <= max;
    store(values[i], dequantize_element(quantize_element(value, inverse, zero_point, min, max), scale, zero_point));
    inside[i] = within;
    clipped += within ? 0 : 1;
  }
  return clipped;
}

namespace {

template <class Float>
SLM_VECTOR_CLONES float largest(const Float* __restrict x, int64_t count) {
  float amax = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float magnitude = std::fabs(to_float(x[i]));
    amax = magnitude > amax ? magnitude : amax;
  }
  return amax;
}

}  // namespace

template <class Float>
SLM_VECTOR_CLONES void fake_quantize_row(const Float* __restrict x, int64_t count, Float* __restrict values) {
  const auto max = static_cast<float>(kInt8Codes.max);
  const float scale = symmetric_scale(largest(x, count), max), inverse = 1.0f / scale;
  for (int64_t i = 0; i < count; ++i) {
    store(values[i], dequantize_element(quantize_element(to_float(x[i]), inverse, 0, -max, max), scale, 0));
  }
}

SLM_VECTOR_CLONES double fake_quantize_backward_of_run(const float* __restrict x, int64_t count, const RunScale& run,
                                                       float* __restrict gradient) {
  const float inverse = 1.0f / run.scale;
  const double exact_inverse = 1.0 / run.scale;
  const auto min = static_cast<float>(run.range.min), max = static_cast<float>(run.range.max);
  std::array<double, kLanes> lanes{};
  const auto one = [&](int64_t i) {
    const float rounded = std::nearbyint(x[i] * inverse), code = std::clamp(rounded, min, max);
    const bool inside = rounded == code;
    const double slope = code - (inside ? x[i] * exact_inverse : 0.0);
    const double product = slope * gradient[i];
    gradient[i] = inside ? gradient[i] : 0.0f;
    return product;
  };
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += one(i + lane);
  }
  for (; i < count; ++i) lanes[i % kLanes] += one(i);
  return std::accumulate(lanes.begin(), lanes.end(), 0.0);
}

template void fake_quantize_run(const float*, int64_t, const RunScale&, float*);
template void fake_quantize_run(const float*, int64_t, const RunScale&, Bfloat16*);
template int64_t fake_quantize_activations(const float*, int64_t, const RunScale&, float*, bool*);
template int64_t fake_quantize_activations(const Bfloat16*, int64_t, const RunScale&, Bfloat16*, bool*);
template void fake_quantize_row(const float*, int64_t, float*);
template void fake_quantize_row(const Bfloat16*, int64_t, Bfloat16*);

}  // namespace slm::cpu
