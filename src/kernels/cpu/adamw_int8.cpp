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

// Where it is too small for 1 / absmax to be finite, the block counts as 0.
float largest_of(const float* values, int64_t count) {
  float most = 0;
  for (int64_t i = 0; i < count; ++i) most = std::max(most, std::fabs(values[i]));
  return most < FLT_MIN ? 0 : most;
}

// Up or down by chance (`random`: 16 bits each), so that a small change of an average counts in the mean; what is not 0
// gets at least the code `least`.
SLM_VECTOR_CLONES void narrow(const float* __restrict values, float inverse, const float* __restrict map,
                              const uint32_t* __restrict random, int32_t least, int64_t count,
                              uint8_t* __restrict codes) {
  for (int64_t i = 0; i < count; ++i) {
    const float x = values[i] * inverse;
    int32_t code = 0;  // of the largest number that is not above x
    for (int32_t half = 128; half > 0; half /= 2) code += x >= map[code + half] ? half : 0;
    const int32_t next = std::min(code + 1, 255);
    code += x - map[code] > moment_share(random[i]) * (map[next] - map[code]) ? 1 : 0;
    code = std::min(code, 255);
    codes[i] = static_cast<uint8_t>(x != 0 ? std::max(code, least) : code);
  }
}

float narrow_block(const Block& values, const DynamicMap& map, const std::array<uint32_t, kMomentBlock>& random,
                   int32_t least, int64_t count, uint8_t* codes) {
  const float absmax = largest_of(values.data(), count);
  narrow(values.data(), absmax > 0 ? 1 / absmax : 0, map.data(), random.data(), least, count, codes);
  return absmax;
}

void update_block(const AdamWInt8Elements& e, uint32_t first, int64_t count, const AdamWScalars& scalars) {
  Block mean, square;
  widen(e.exp_avg, *e.exp_avg_absmax, kSignedMap.data(), count, mean.data());
  widen(e.exp_avg_sq, *e.exp_avg_sq_absmax, kUnsignedMap.data(), count, square.data());
  update(e.parameters, e.gradients, mean.data(), square.data(), count, scalars);
  std::array<uint32_t, kMomentBlock> low, high;
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t random = adamw_random_bits(scalars.step, first + static_cast<uint32_t>(i));
    low[i] = random & 0xffff;
    high[i] = random >> 16;
  }
  *e.exp_avg_absmax = narrow_block(mean, kSignedMap, low, 0, count, e.exp_avg);
  // A second moment of 0 beside a first one that is not would be a step of m / epsilon.
  *e.exp_avg_sq_absmax = narrow_block(square, kUnsignedMap, high, 1, count, e.exp_avg_sq);
  if (!e.shadows) return;
  for (int64_t i = 0; i < count; ++i) store(e.shadows[i], e.parameters[i]);
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
  for (int64_t begin = 0, block = 0; begin < count; begin += kMomentBlock, ++block) {
    update_block(elements.after_blocks(block), static_cast<uint32_t>(first + begin),
                 std::min(kMomentBlock, count - begin), scalars);
  }
}

}  // namespace slm::cpu
