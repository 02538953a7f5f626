// One element of AdamW's update (the formula is in adamw.h), one source for the CPU's loop and the CUDA kernel. Both
// compilers are told not to contract a * b + c, and both divide and take roots as IEEE 754 demands, so the bits are
// the same everywhere. The loops around it load and store.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/cpu/bfloat16.h"
#include "kernels/host_device.h"

namespace slm {

/// The step's scalars, each computed in float64 and rounded once.
struct AdamWScalars {
  float clip;   // clip factor
  float decay;  // 1 - lr * weight_decay
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  float step_size;        // lr / (1 - beta1^t)
  float root_correction;  // 1 / sqrt(1 - beta2^t)
  float epsilon;
  uint32_t step;  // number of the update, for stochastic rounding
};

/// Elements that lie one behind the other. Moments are float or cpu::Bfloat16; `shadows` may be null.
template <class Moment>
struct AdamWElements {
  float* parameters;
  const float* gradients;
  Moment *exp_avg, *exp_avg_sq;
  cpu::Bfloat16* shadows;  // take the new parameters, rounded to nearest

  AdamWElements after(int64_t count) const {
    return {parameters + count, gradients + count, exp_avg + count, exp_avg_sq + count,
            shadows ? shadows + count : nullptr};
  }
};

/// What an update changes, in the float32 forms that it is computed in.
struct AdamWElement {
  float parameter, exp_avg, exp_avg_sq;
};

SLM_HOST_DEVICE inline AdamWElement adamw_element(AdamWElement old, float unclipped_gradient, const AdamWScalars& s) {
  const float gradient = s.clip * unclipped_gradient;
  const float mean = s.beta1 * old.exp_avg + s.one_minus_beta1 * gradient;
  const float square = s.beta2 * old.exp_avg_sq + s.one_minus_beta2 * gradient * gradient;
  const float denominator = std::sqrt(square) * s.root_correction + s.epsilon;
  return {s.decay * old.parameter - s.step_size * (mean / denominator), mean, square};
}

/// 32 bits that look random, of (step, number of the element): the finalizer of MurmurHash3. One moment takes the lower
/// 16 of them, the other one the upper.
SLM_HOST_DEVICE inline uint32_t adamw_random_bits(uint32_t step, uint32_t element) {
  uint32_t x = element * 0x9E3779B1u + step * 0x85EBCA77u;
  x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
  x = (x ^ (x >> 13)) * 0xC2B2AE35u;
  return x ^ (x >> 16);
}

/// Bfloat16 rounds up with the probability of the part that is cut off, `random` having 16 bits: an average that moves
/// by less than half a unit in the last place would stand still under rounding to nearest.
SLM_HOST_DEVICE inline void store_moment(cpu::Bfloat16& out, float value, uint32_t random) {
  out.bits = static_cast<uint16_t>((std::bit_cast<uint32_t>(value) + random) >> 16);
}
SLM_HOST_DEVICE inline void store_moment(float& out, float value, uint32_t) { out = value; }

}  // namespace slm
