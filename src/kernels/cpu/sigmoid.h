// The logistic function in a form that compilers vectorize.
#pragma once

#include <cmath>

#include "kernels/cpu/exp.h"

namespace slm::cpu {

/// 1 / (1 + e^-x) by the exponential of -|x|, which cannot overflow.
inline float sigmoid(float x) {
  const float e = exp_of_negative(-std::fabs(x));
  const float small = e / (1.0f + e);
  return x < 0 ? small : 1.0f / (1.0f + e);
}

}  // namespace slm::cpu
