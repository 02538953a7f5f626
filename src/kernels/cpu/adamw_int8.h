// AdamW over moments of 8 bits, on a CPU: raw pointers, one thread's share.
#pragma once

#include <cstdint>

#include "kernels/adamw_element.h"

namespace slm {

/// Neighbours of a parameter that share a largest magnitude, from its first element on; the last block may be short.
inline constexpr int64_t kMomentBlock = 256;
inline int64_t moment_blocks(int64_t size) { return (size + kMomentBlock - 1) / kMomentBlock; }

/// From 16 random bits: the share of the gap between two codes above which a value goes up.
inline float moment_share(uint32_t random) {
  return (static_cast<float>(static_cast<int32_t>(random & 0xffff)) + 0.5f) * 0x1p-16f;
}

namespace cpu {

/// From the beginning of a block on. Codes count through the maps of dynamic_map.h; `shadows` may be null.
struct AdamWInt8Elements {
  float* parameters;
  const float* gradients;
  uint8_t *exp_avg, *exp_avg_sq;              // one an element
  float *exp_avg_absmax, *exp_avg_sq_absmax;  // one a block
  Bfloat16* shadows;

  AdamWInt8Elements after_blocks(int64_t blocks) const;
};

/// Updates `count` elements, of which the first has the number `first` in its parameter.
void adamw_int8(const AdamWInt8Elements& elements, int64_t first, int64_t count, const AdamWScalars& scalars);

}  // namespace cpu
}  // namespace slm
