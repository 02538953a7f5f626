// bfloat16 as the upper half of a float32, in forms that compilers vectorize; CUDA kernels use them too.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/host_device.h"

namespace slm::cpu {

struct Bfloat16 {
  uint16_t bits;
};

SLM_HOST_DEVICE inline float to_float(float value) { return value; }
SLM_HOST_DEVICE inline float to_float(Bfloat16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

/// Rounds to nearest, halves to even; a NaN stays one.
SLM_HOST_DEVICE inline void store(Bfloat16& out, float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  out.bits = static_cast<uint16_t>(value == value ? rounded : (bits >> 16) | 0x40);
}
SLM_HOST_DEVICE inline void store(float& out, float value) { out = value; }

}  // namespace slm::cpu
