// AdamW (the formula is in adamw.h) over moments of 8 bits: each is a code, and each block of 256 neighbours of a
// parameter has the largest magnitude in it as float32 (Dettmers et al. 2021, arXiv:2110.02861; the codes' values are
// in cpu/dynamic_map.h). A block is widened, updated and narrowed again in one pass; the step itself uses the moments
// before they are narrowed. Unlike in the paper a moment is rounded by chance, which costs less loss than rounding to
// nearest (docs/log.md), and a second moment that is not 0 never becomes 0.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "kernels/adamw.h"
#include "kernels/cpu/adamw_int8.h"

namespace slm {

/// Flat contiguous tensors on one device, of a whole parameter (n), or of a part of it that begins with a block.
struct AdamWInt8Buffers {
  at::Tensor parameters, gradients;              // (n) float32
  at::Tensor exp_avg, exp_avg_sq;                // (n) uint8: codes of the signed and of the unsigned map
  at::Tensor exp_avg_absmax, exp_avg_sq_absmax;  // (ceil(n / kMomentBlock)) float32
  at::Tensor shadows = {};                       // (n) bfloat16, or undefined
};

/// Updates all but the gradient. `first` is the number of the first element in its parameter, and with the step's keys
/// the random numbers. The same bits whatever the number of threads.
void adamw_int8(const AdamWInt8Buffers& buffers, int64_t first, const AdamWStep& step);

namespace plain {
void adamw_int8(const AdamWInt8Buffers& buffers, int64_t first, const AdamWStep& step);
}  // namespace plain

}  // namespace slm
