// AdamW on a GPU: raw device pointers, a size, a stream.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/adamw_element.h"

namespace slm::cuda {

/// Queues the update of `count` elements, of which the first has the number `first` in its buffer, on the stream, and
/// returns what the launch said. Moments are float or cpu::Bfloat16.
template <class Moment>
cudaError_t adamw(const AdamWElements<Moment>& elements, int64_t first, int64_t count, const AdamWScalars& scalars,
                  cudaStream_t stream);

}  // namespace slm::cuda
