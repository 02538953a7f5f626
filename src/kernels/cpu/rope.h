// RoPE on a CPU: raw pointers, one head of one token.
#pragma once

#include <cstdint>

#include "kernels/cpu/bfloat16.h"

namespace slm::cpu {

/// out[d] = x[d] cos[d] - direction x[d + half] sin[d], out[d + half] = x[d + half] cos[d] + direction x[d] sin[d] for
/// d < half; direction is 1 or -1.
template <class Float>
inline void rotate(const Float* __restrict x, const float* __restrict cos, const float* __restrict sin, int64_t half,
                   float direction, Float* __restrict out) {
  for (int64_t d = 0; d < half; ++d) {
    const float low = to_float(x[d]), high = to_float(x[d + half]), s = direction * sin[d];
    store(out[d], low * cos[d] - high * s);
    store(out[d + half], high * cos[d] + low * s);
  }
}

}  // namespace slm::cpu
