#include "kernels/cpu/adamw.h"

#include <cmath>

namespace slm::cpu {

void adamw(float* __restrict parameters, const float* __restrict gradients, float* __restrict exp_avg,
           float* __restrict exp_avg_sq, int64_t count, const AdamWScalars& scalars) {
  const AdamWScalars s = scalars;  // a copy whose address does not escape, so that the loop is vectorized
  for (int64_t i = 0; i < count; ++i) {
    const float gradient = s.clip * gradients[i];
    const float mean = s.beta1 * exp_avg[i] + s.one_minus_beta1 * gradient;
    const float square = s.beta2 * exp_avg_sq[i] + s.one_minus_beta2 * gradient * gradient;
    const float denominator = std::sqrt(square) * s.root_correction + s.epsilon;
    parameters[i] = s.decay * parameters[i] - s.step_size * (mean / denominator);
    exp_avg[i] = mean;
    exp_avg_sq[i] = square;
  }
}

}  // namespace slm::cpu
