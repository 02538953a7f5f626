// AdamW on a CPU: raw pointers, one thread's share.
#pragma once

#include <cstdint>

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
};

void adamw(float* parameters, const float* gradients, float* exp_avg, float* exp_avg_sq, int64_t count,
           const AdamWScalars& scalars);

}  // namespace slm::cpu
