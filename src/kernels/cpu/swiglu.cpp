#include "kernels/cpu/swiglu.h"

#include "kernels/cpu/sigmoid.h"
#include "kernels/cpu/vector_clones.h"

namespace slm::cpu {

template <class Float>
SLM_VECTOR_CLONES void swiglu(const Float* __restrict gate, const Float* __restrict up, int64_t count,
                              Float* __restrict out) {
  for (int64_t i = 0; i < count; ++i) {
    const float g = to_float(gate[i]);
    store(out[i], g * sigmoid(g) * to_float(up[i]));
  }
}

template <class Float>
SLM_VECTOR_CLONES void swiglu_backward(const Float* __restrict gate, const Float* __restrict up,
                                       const Float* __restrict dy, int64_t count, Float* __restrict dgate,
                                       Float* __restrict dup) {
  for (int64_t i = 0; i < count; ++i) {
    const float g = to_float(gate[i]), slope = to_float(dy[i]), s = sigmoid(g);
    store(dup[i], slope * g * s);
    store(dgate[i], slope * to_float(up[i]) * (s + g * s * (1.0f - s)));
  }
}

template void swiglu(const float*, const float*, int64_t, float*);
template void swiglu(const Bfloat16*, const Bfloat16*, int64_t, Bfloat16*);
template void swiglu_backward(const float*, const float*, const float*, int64_t, float*, float*);
template void swiglu_backward(const Bfloat16*, const Bfloat16*, const Bfloat16*, int64_t, Bfloat16*, Bfloat16*);

}  // namespace slm::cpu
