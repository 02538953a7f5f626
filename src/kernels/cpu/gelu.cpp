#include "kernels/cpu/gelu.h"

#include "kernels/cpu/sigmoid.h"
#include "kernels/cpu/vector_clones.h"

namespace slm::cpu {
namespace {

constexpr float kTwiceRoot = 1.5957691216f;  // 2 sqrt(2 / pi)
constexpr float kCubic = 0.044715f;

}  // namespace

template <class Float>
SLM_VECTOR_CLONES void gelu_new(const Float* __restrict x, int64_t count, Float* __restrict out) {
  for (int64_t i = 0; i < count; ++i) {
    const float value = to_float(x[i]);
    store(out[i], value * sigmoid(kTwiceRoot * (value + kCubic * value * value * value)));
  }
}

template <class Float>
SLM_VECTOR_CLONES void gelu_new_backward(const Float* __restrict x, const Float* __restrict dy, int64_t count,
                                         Float* __restrict dx) {
  for (int64_t i = 0; i < count; ++i) {
    const float value = to_float(x[i]), square = value * value;
    const float s = sigmoid(kTwiceRoot * (value + kCubic * value * square));
    const float slope = s + value * s * (1.0f - s) * kTwiceRoot * (1.0f + 3 * kCubic * square);
    store(dx[i], to_float(dy[i]) * slope);
  }
}

template void gelu_new(const float*, int64_t, float*);
template void gelu_new(const Bfloat16*, int64_t, Bfloat16*);
template void gelu_new_backward(const float*, const float*, int64_t, float*);
template void gelu_new_backward(const Bfloat16*, const Bfloat16*, int64_t, Bfloat16*);

}  // namespace slm::cpu
