#include <algorithm>

#include "kernels/cuda/adamw.h"
#include "kernels/cuda/adamw_thread.h"

namespace slm::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kBlocksPerProcessor = 8;  // as many as fit at once, and some that follow them

template <class Moment>
__global__ void __launch_bounds__(kThreads)
    adamw_kernel(AdamWElements<Moment> elements, uint32_t first, AdamWSplit split, AdamWScalars scalars) {
  const int64_t thread = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  adamw_thread(elements, first, split, scalars, thread, int64_t{gridDim.x} * blockDim.x);
}

}  // namespace

template <class Moment>
cudaError_t adamw(const AdamWElements<Moment>& elements, int64_t first, int64_t count, const AdamWScalars& scalars,
                  cudaStream_t stream) {
  if (count == 0) return cudaSuccess;
  int device = 0, processors = 0;
  if (const auto error = cudaGetDevice(&device); error != cudaSuccess) return error;
  if (const auto error = cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device);
      error != cudaSuccess) {
    return error;
  }
  const AdamWSplit split = split_elements(elements, count);
  const int64_t useful = std::max(split.groups, count - kWidth * split.groups);  // threads
  const int64_t blocks = std::min((useful + kThreads - 1) / kThreads, int64_t{processors} * kBlocksPerProcessor);
  adamw_kernel<<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(elements, static_cast<uint32_t>(first), split,
                                                                       scalars);
  return cudaGetLastError();
}

template cudaError_t adamw(const AdamWElements<float>&, int64_t, int64_t, const AdamWScalars&, cudaStream_t);
template cudaError_t adamw(const AdamWElements<cpu::Bfloat16>&, int64_t, int64_t, const AdamWScalars&, cudaStream_t);

}  // namespace slm::cuda
