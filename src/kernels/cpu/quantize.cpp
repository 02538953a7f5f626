#include "kernels/cpu/quantize.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "kernels/cpu/vector_clones.h"

namespace slm::cpu {
namespace {

constexpr int64_t kLanes = 16;  // independent sums, so that the loop is vectorized without reordering

}  // namespace

template <class Float, class Code>
SLM_VECTOR_CLONES void quantize_run(const Float* __restrict x, int64_t count, const RunScale& run,
                                    Code* __restrict codes) {
  const float inverse = 1.0f / run.scale, zero_point = run.zero_point;
  const auto min = static_cast<float>(run.range.min), max = static_cast<float>(run.range.max);
  for (int64_t i = 0; i < count; ++i) {
    codes[i] = static_cast<Code>(static_cast<int32_t>(quantize_element(to_float(x[i]), inverse, zero_point, min, max)));
  }
}

namespace {

// Magnitudes are compared as whole numbers, which order as the floats do, with NaN above everything.
template <class Float>
SLM_VECTOR_CLONES float largest_magnitude(const Float* __restrict x, int64_t count) {
  uint32_t largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::bit_cast<uint32_t>(to_float(x[i])) & 0x7fffffffU);
  }
  return std::bit_cast<float>(largest);
}

}  // namespace

template <class Float>
float quantize_row(const Float* x, int64_t count, int8_t* codes) {
  const float scale = symmetric_scale(largest_magnitude(x, count), static_cast<float>(kInt8Codes.max));
  quantize_run(x, count, {scale, 0, kInt8Codes}, codes);
  return scale;
}

template <class Code>
SLM_VECTOR_CLONES void dequantize_run(const Code* __restrict codes, int64_t count, const RunScale& run,
                                      float* __restrict values) {
  const float scale = run.scale, zero_point = run.zero_point;
  for (int64_t i = 0; i < count; ++i) {
    values[i] = dequantize_element(static_cast<float>(codes[i]), scale, zero_point);
  }
}

SLM_VECTOR_CLONES double squared_error_of_run(const float* __restrict x, int64_t count, const RunScale& run) {
  const float scale = run.scale, inverse = 1.0f / scale, zero_point = run.zero_point;
  const auto min = static_cast<float>(run.range.min), max = static_cast<float>(run.range.max);
  const auto square = [&](float value) {
    const float code = quantize_element(value, inverse, zero_point, min, max);
    const double error = static_cast<double>(value) - dequantize_element(code, scale, zero_point);
    return error * error;
  };
  std::array<double, kLanes> lanes{};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += square(x[i + lane]);
  }
  for (; i < count; ++i) lanes[i % kLanes] += square(x[i]);
  return std::accumulate(lanes.begin(), lanes.end(), 0.0);
}

template void quantize_run(const float*, int64_t, const RunScale&, int8_t*);
template void quantize_run(const float*, int64_t, const RunScale&, uint8_t*);
template void quantize_run(const Bfloat16*, int64_t, const RunScale&, uint8_t*);
template float quantize_row(const float*, int64_t, int8_t*);
template float quantize_row(const Bfloat16*, int64_t, int8_t*);
template void dequantize_run(const int8_t*, int64_t, const RunScale&, float*);
template void dequantize_run(const uint8_t*, int64_t, const RunScale&, float*);

}  // namespace slm::cpu
