#include "kernels/cpu/rms_norm.h"

#include <cmath>

#include "kernels/cpu/lanes.h"

namespace slm::cpu {

template <class Float>
void rms_norm(const Float* __restrict x, const float* __restrict weight, int64_t rows, int64_t width, float eps,
              Float* __restrict y, float* __restrict reciprocal) {
  for (int64_t row = 0; row < rows; ++row, x += width, y += width) {
    const float squares = sum_in_lanes(width, [&](int64_t i) { return to_float(x[i]) * to_float(x[i]); });
    const float r = 1.0f / std::sqrt(squares / static_cast<float>(width) + eps);
    reciprocal[row] = r;
    for (int64_t i = 0; i < width; ++i) store(y[i], to_float(x[i]) * r * weight[i]);
  }
}

template <class Float>
void rms_norm_backward(const Float* __restrict x, const float* __restrict weight, const float* __restrict reciprocal,
                       const Float* __restrict dy, int64_t rows, int64_t width, Float* __restrict dx,
                       float* __restrict dw) {
  for (int64_t row = 0; row < rows; ++row, x += width, dy += width, dx += width) {
    const float r = reciprocal[row];
    const float projection =
        sum_in_lanes(width, [&](int64_t i) { return to_float(dy[i]) * weight[i] * to_float(x[i]); });
    const float along = projection * r * r * r / static_cast<float>(width);
    for (int64_t i = 0; i < width; ++i) {
      const float value = to_float(x[i]), slope = to_float(dy[i]);
      store(dx[i], r * weight[i] * slope - along * value);
      dw[i] += slope * value * r;
    }
  }
}

template void rms_norm(const float*, const float*, int64_t, int64_t, float, float*, float*);
template void rms_norm(const Bfloat16*, const float*, int64_t, int64_t, float, Bfloat16*, float*);
template void rms_norm_backward(const float*, const float*, const float*, const float*, int64_t, int64_t, float*,
                                float*);
template void rms_norm_backward(const Bfloat16*, const float*, const float*, const Bfloat16*, int64_t, int64_t,
                                Bfloat16*, float*);

}  // namespace slm::cpu
