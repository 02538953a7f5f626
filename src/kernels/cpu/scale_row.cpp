#include "kernels/cpu/scale_row.h"

#include "kernels/cpu/bfloat16.h"
#include "kernels/cpu/vector_clones.h"

namespace slm::cpu {

template <class Float>
SLM_VECTOR_CLONES void scale_row(const float* __restrict sums, int64_t count, float scale, const float* __restrict bias,
                                 Float* __restrict y) {
  if (!bias) {
    for (int64_t i = 0; i < count; ++i) store(y[i], sums[i] * scale);
    return;
  }
  for (int64_t i = 0; i < count; ++i) store(y[i], sums[i] * scale + bias[i]);
}

template void scale_row(const float*, int64_t, float, const float*, float*);
template void scale_row(const float*, int64_t, float, const float*, Bfloat16*);

}  // namespace slm::cpu
