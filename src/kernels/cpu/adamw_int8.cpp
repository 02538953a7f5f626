#include "kernels/cpu/adamw_int8.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>

#include "kernels/cpu/dynamic_map.h"
#include "kernels/cpu/vector_clones.h"

namespace slm::cpu {
namespace {

using Block = std::array<float, kMomentBlock>;
using Words = std::array<uint32_t, kMomentBlock>;

SLM_VECTOR_CLONES void widen(const uint8_t* __restrict codes, float absmax, const float* __restrict map, int64_t count,
                             float* __restrict values) {
  for (int64_t i = 0; i < count; ++i) values[i] = map[codes[i]] * absmax;
}

SLM_VECTOR_CLONES void update(float* __restrict parameters, const float* __restrict gradients, float* __restrict mean,
                              float* __restrict square, int64_t count, const AdamWScalars& scalars) {
  const AdamWScalars s = scalars;
  for (int64_t i = 0; i < count; ++i) {
    const auto updated = adamw_element({parameters[i], mean[i], square[i]}, gradients[i], s);
    parameters[i] = updated.parameter;
    mean[i] = updated.exp_avg;
    square[i] = updated.exp_avg_sq;
  }
}

float largest(const float* values, int64_t count) {
  float most = 0;
  for (int64_t i = 0; i < count; ++i) most = std::max(most, std::fabs(values[i]));
  return most < FLT_MIN ? 0 : most;
}

SLM_VECTOR_CLONES void narrow(const float* __restrict values, float inverse, const float* __restrict map,
                              const uint32_t* __restrict random, int32_t least, int64_t count,
                              uint8_t* __restrict codes) {
  for (int64_t i = 0; i < count; ++i) {
    const float x = values[i] * inverse;
    int32_t code = 0;
    for (int32_t half = 128; half > 0; half /= 2) code += x >= map[code + half] ? half : 0;
    const int32_t next = std::min(code + 1, 255);
    code += x - map[code] > moment_share(random[i]) * (map[next] - map[code]) ? 1 : 0;
    code = std::min(code, 255);
    codes[i] = static_cast<uint8_t>(x != 0 ? std::max(code, least) : code);
  }
}

}  // namespace

AdamWInt8Elements AdamWInt8Elements::after_blocks(int64_t blocks) const {
  const int64_t count = blocks * kMomentBlock;
  return {parameters + count,
          gradients + count,
          exp_avg + count,
          exp_avg_sq + count,
          exp_avg_absmax + blocks,
          exp_avg_sq_absmax + blocks,
          shadows ? shadows + count : nullptr};
}

void adamw_int8(const AdamWInt8Elements& elements, int64_t first, int64_t count, const AdamWScalars& scalars) {
  Block mean, square;
  Words random;
  for (int64_t begin = 0, block = 0; begin < count; begin += kMomentBlock, ++block) {
    const auto e = elements.after_blocks(block);
    const int64_t size = std::min(kMomentBlock, count - begin);
    widen(e.exp_avg, *e.exp_avg_absmax, kSignedMap.data(), size, mean.data());
    widen(e.exp_avg_sq, *e.exp_avg_sq_absmax, kUnsignedMap.data(), size, square.data());
    update(e.parameters, e.gradients, mean.data(), square.data(), size, scalars);
    const auto number = static_cast<uint32_t>(first + begin);
    for (int64_t i = 0; i < size; ++i) random[i] = adamw_random_bits(scalars.step, number + static_cast<uint32_t>(i));
    *e.exp_avg_absmax = largest(mean.data(), size);
    *e.exp_avg_sq_absmax = largest(square.data(), size);
    narrow(mean.data(), *e.exp_avg_absmax > 0 ? 1 / *e.exp_avg_absmax : 0, kSignedMap.data(), random.data(), 0, size,
           e.exp_avg);
    for (int64_t i = 0; i < size; ++i) random[i] >>= 16;
    narrow(square.data(), *e.exp_avg_sq_absmax > 0 ? 1 / *e.exp_avg_sq_absmax : 0, kUnsignedMap.data(), random.data(),
           1, size, e.exp_avg_sq);
    if (!e.shadows) continue;
    for (int64_t i = 0; i < size; ++i) store(e.shadows[i], e.parameters[i]);
  }
}

}  // namespace slm::cpu
