// Dropout on a CPU: raw pointers, one row.
#pragma once

#include <cstdint>

#include "kernels/cpu/bfloat16.h"

namespace slm::cpu {

/// out[i] = in[i] * scale, or 0 where the random word of (key, row, i) is below `threshold`.
template <class Float>
void dropout(const Float* in, int64_t count, uint64_t key, int64_t row, uint32_t threshold, float scale, Float* out);

extern template void dropout(const float*, int64_t, uint64_t, int64_t, uint32_t, float, float*);
extern template void dropout(const Bfloat16*, int64_t, uint64_t, int64_t, uint32_t, float, Bfloat16*);

}  // namespace slm::cpu
