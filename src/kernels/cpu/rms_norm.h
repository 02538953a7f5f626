// RMSNorm on a CPU: raw pointers, one thread's share.
#pragma once

#include <cstdint>

#include "kernels/cpu/bfloat16.h"

namespace slm::cpu {

/// y and the reciprocal root r = 1 / sqrt(mean(x^2) + eps) of each of `rows` rows of `width`.
template <class Float>
void rms_norm(const Float* x, const float* weight, int64_t rows, int64_t width, float eps, Float* y, float* reciprocal);

/// From dy: dx = r (w dy) - x r^3 mean(w dy x), and dw += dy x r summed over the rows in their order.
template <class Float>
void rms_norm_backward(const Float* x, const float* weight, const float* reciprocal, const Float* dy, int64_t rows,
                       int64_t width, Float* dx, float* dw);

extern template void rms_norm(const float*, const float*, int64_t, int64_t, float, float*, float*);
extern template void rms_norm(const Bfloat16*, const float*, int64_t, int64_t, float, Bfloat16*, float*);
extern template void rms_norm_backward(const float*, const float*, const float*, const float*, int64_t, int64_t, float*,
                                       float*);
extern template void rms_norm_backward(const Bfloat16*, const float*, const float*, const Bfloat16*, int64_t, int64_t,
                                       Bfloat16*, float*);

}  // namespace slm::cpu
