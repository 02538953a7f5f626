// Dropout (Srivastava et al. 2014) whose mask is a pure function of a key and an element's place.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace slm {

/// x with each element set to 0 with probability `p` and divided by 1 - p otherwise: x (B, ...) float32 or bfloat16.
/// Row b has the mask of row first_row + b under `key`, so that a step cut into other micro-batches has the same masks.
/// Differentiable; the mask is made again in the backward pass and never stored.
at::Tensor dropout(const at::Tensor& x, double p, uint64_t key, int64_t first_row);

}  // namespace slm
