// AdamW on a CPU: raw pointers, one thread's share.
#pragma once

#include <cstdint>

#include "kernels/cpu/bfloat16.h"

namespace slm::cpu {

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

/// Elements that lie one behind the other. Moments are float or Bfloat16; `shadows` may be null.
template <class Moment>
struct AdamWElements {
  float* parameters;
  const float* gradients;
  Moment *exp_avg, *exp_avg_sq;
  Bfloat16* shadows;  // take the new parameters, rounded to nearest
};

/// Updates `count` elements, of which the first has the number `first` in its buffer. Bfloat16 moments are rounded
/// stochastically by a hash of (step, element): an average that moves by less than half a unit in the last place would
/// stand still under rounding to nearest.
template <class Moment>
void adamw(const AdamWElements<Moment>& elements, int64_t first, int64_t count, const AdamWScalars& scalars);

extern template void adamw(const AdamWElements<float>&, int64_t, int64_t, const AdamWScalars&);
extern template void adamw(const AdamWElements<Bfloat16>&, int64_t, int64_t, const AdamWScalars&);

}  // namespace slm::cpu
