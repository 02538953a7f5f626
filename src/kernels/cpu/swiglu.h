// SwiGLU's gate on a CPU: raw pointers, one thread's share.
#pragma once

#include <cstdint>

#include "kernels/cpu/bfloat16.h"

namespace slm::cpu {

/// out[i] = silu(gate[i]) * up[i].
template <class Float>
void swiglu(const Float* gate, const Float* up, int64_t count, Float* out);

/// From the gradient of out those of gate and up.
template <class Float>
void swiglu_backward(const Float* gate, const Float* up, const Float* dy, int64_t count, Float* dgate, Float* dup);

extern template void swiglu(const float*, const float*, int64_t, float*);
extern template void swiglu(const Bfloat16*, const Bfloat16*, int64_t, Bfloat16*);
extern template void swiglu_backward(const float*, const float*, const float*, int64_t, float*, float*);
extern template void swiglu_backward(const Bfloat16*, const Bfloat16*, const Bfloat16*, int64_t, Bfloat16*, Bfloat16*);

}  // namespace slm::cpu
