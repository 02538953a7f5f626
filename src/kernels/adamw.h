// AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) over flat float32 buffers, with the clip factor folded in:
//   g = clip * grad
//   p *= 1 - lr * weight_decay
//   m = beta1 m + (1 - beta1) g
//   v = beta2 v + (1 - beta2) g^2
//   p -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
// Each element is computed alone, so the result does not depend on the number of threads; a GPU gives the CPU's bits.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "kernels/adamw_element.h"

namespace slm {

struct AdamWStep {
  double learning_rate;
  double beta1, beta2, epsilon;
  double weight_decay;
  double clip_factor = 1.0;  // multiplies the gradient
  int64_t step = 1;          // t, from 1
};

/// As an element's update takes them, each computed in float64 and rounded once.
AdamWScalars adamw_scalars(const AdamWStep& step);

/// Flat contiguous float32 tensors of one length on one device (the moments float32 or bfloat16); updates all but the
/// gradient. `shadows`, where defined, is bfloat16 and takes the new parameters, rounded, in the same pass.
struct AdamWBuffers {
  at::Tensor parameters, gradients, exp_avg, exp_avg_sq, shadows = {};
};

/// Updates elements [begin, end) of the buffers.
void adamw(const AdamWBuffers& buffers, int64_t begin, int64_t end, const AdamWStep& step);

}  // namespace slm
