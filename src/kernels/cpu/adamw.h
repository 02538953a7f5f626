// AdamW on a CPU: raw pointers, one thread's share.
#pragma once

#include <cstdint>

#include "kernels/adamw_element.h"

namespace slm::cpu {

/// Updates `count` elements, of which the first has the number `first` in its buffer.
template <class Moment>
void adamw(const AdamWElements<Moment>& elements, int64_t first, int64_t count, const AdamWScalars& scalars);

extern template void adamw(const AdamWElements<float>&, int64_t, int64_t, const AdamWScalars&);
extern template void adamw(const AdamWElements<Bfloat16>&, int64_t, int64_t, const AdamWScalars&);

}  // namespace slm::cpu
