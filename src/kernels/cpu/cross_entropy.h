// Cross-entropy of rows of logits on a CPU: raw pointers, one thread's share.
#pragma once

#include <cstdint>

#include "kernels/cpu/bfloat16.h"

namespace slm::cpu {

/// For each of `rows` rows of `logits` (rows, V): losses[i] = -log softmax(row)[target] in nats, and the row becomes
/// scale * (softmax(row) - onehot(target)); both 0 where the target is `ignored`. Arithmetic is float32.
template <class Float>
void cross_entropy_with_gradient(Float* logits, const int64_t* targets, int64_t rows, int64_t vocabulary,
                                 int64_t ignored, float scale, float* losses);

extern template void cross_entropy_with_gradient(float*, const int64_t*, int64_t, int64_t, int64_t, float, float*);
extern template void cross_entropy_with_gradient(Bfloat16*, const int64_t*, int64_t, int64_t, int64_t, float, float*);

}  // namespace slm::cpu
