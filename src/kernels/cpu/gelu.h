// GPT-2's approximation of GELU on a CPU: raw pointers, one thread's share.
#pragma once

#include <cstdint>

#include "kernels/cpu/bfloat16.h"

namespace slm::cpu {

/// out[i] = x/2 (1 + tanh u), u = sqrt(2 / pi) (x + 0.044715 x^3), computed as x sigmoid(2 u).
template <class Float>
void gelu_new(const Float* x, int64_t count, Float* out);

/// From the gradient of out that of x.
template <class Float>
void gelu_new_backward(const Float* x, const Float* dy, int64_t count, Float* dx);

}  // namespace slm::cpu
