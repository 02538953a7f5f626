// One element through the quantizer, one source for the CPU's loops and CUDA kernels. Everything that quantizes here
// (fake quantization, packing, activations, the KV cache, export) goes through these two functions, so that the value
// that a code stands for is the same everywhere, bit for bit:
//
//   q = clamp(round_half_even(x * (1 / s)) + z, min, max)          x^ = (q - z) * s
//
// all in float32, as at::fake_quantize_per_tensor_affine computes it. Infinities saturate and a NaN becomes `min`.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"

namespace slm {

/// The codes that may be used, both ends included.
struct CodeRange {
  int32_t min, max;

  bool operator==(const CodeRange&) const = default;
};

/// Symmetric and restricted: as many codes below 0 as above.
inline constexpr CodeRange kInt8Codes{-127, 127}, kInt4Codes{-7, 7};
/// Of static activations, with a zero point.
inline constexpr CodeRange kUint8Codes{0, 255};

/// The code of x, a whole number. `inverse_scale` is 1 / s, divided once in float32.
SLM_HOST_DEVICE inline float quantize_element(float x, float inverse_scale, float zero_point, float min, float max) {
  const float code = std::nearbyint(x * inverse_scale) + zero_point;
  const float above = code > min ? code : min;  // false for a NaN
  return above < max ? above : max;
}

/// The scale with which `amax` just becomes the code `max`: at least the smallest normal float, so that 1 / s is
/// finite; 1 where amax is 0. NaN and infinity go through.
SLM_HOST_DEVICE inline float symmetric_scale(float amax, float max) {
  const float scale = amax / max;
  if (amax == 0) return 1.0f;
  return scale < FLT_MIN ? FLT_MIN : scale;
}

/// What a code stands for.
SLM_HOST_DEVICE inline float dequantize_element(float code, float scale, float zero_point) {
  return (code - zero_point) * scale;
}

}  // namespace slm
