#include "kernels/cpu/adamw.h"

#include <algorithm>
#include <array>

namespace slm::cpu {
namespace {

constexpr int64_t kBlock = 2048;  // elements whose float32 forms stay in the first-level cache

void update(float* __restrict parameters, const float* __restrict gradients, float* __restrict exp_avg,
            float* __restrict exp_avg_sq, int64_t count, const AdamWScalars& scalars) {
  const AdamWScalars s = scalars;  // a copy whose address does not escape, so that the loop is vectorized
  for (int64_t i = 0; i < count; ++i) {
    const auto updated = adamw_element({parameters[i], exp_avg[i], exp_avg_sq[i]}, gradients[i], s);
    parameters[i] = updated.parameter;
    exp_avg[i] = updated.exp_avg;
    exp_avg_sq[i] = updated.exp_avg_sq;
  }
}

void widen(const Bfloat16* __restrict from, int64_t count, float* __restrict to) {
  for (int64_t i = 0; i < count; ++i) to[i] = to_float(from[i]);
}

void update_block(const AdamWElements<float>& e, int64_t, int64_t count, const AdamWScalars& scalars) {
  update(e.parameters, e.gradients, e.exp_avg, e.exp_avg_sq, count, scalars);
}

void update_block(const AdamWElements<Bfloat16>& e, int64_t first, int64_t count, const AdamWScalars& scalars) {
  std::array<float, kBlock> mean, square;
  widen(e.exp_avg, count, mean.data());
  widen(e.exp_avg_sq, count, square.data());
  update(e.parameters, e.gradients, mean.data(), square.data(), count, scalars);
  const auto number = static_cast<uint32_t>(first);
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t random = adamw_random_bits(scalars.step, number + static_cast<uint32_t>(i));
    store_moment(e.exp_avg[i], mean[i], random & 0xffff);
    store_moment(e.exp_avg_sq[i], square[i], random >> 16);
  }
}

}  // namespace

template <class Moment>
void adamw(const AdamWElements<Moment>& elements, int64_t first, int64_t count, const AdamWScalars& scalars) {
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t size = std::min(kBlock, count - begin);
    const AdamWElements<Moment> block{elements.parameters + begin, elements.gradients + begin, elements.exp_avg + begin,
                                      elements.exp_avg_sq + begin, nullptr};
    update_block(block, first + begin, size, scalars);
    if (!elements.shadows) continue;
    for (int64_t i = 0; i < size; ++i) store(elements.shadows[begin + i], block.parameters[i]);
  }
}

template void adamw(const AdamWElements<float>&, int64_t, int64_t, const AdamWScalars&);
template void adamw(const AdamWElements<Bfloat16>&, int64_t, int64_t, const AdamWScalars&);

}  // namespace slm::cpu
