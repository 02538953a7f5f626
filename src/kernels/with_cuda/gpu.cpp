#include "kernels/gpu.h"

#include <ATen/Context.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>
#include <fmt/format.h>

#include <cstdlib>

#include "kernels/cuda/adamw.h"

namespace slm {
namespace {

Gpu describe(int index) {
  cudaDeviceProp properties{};
  C10_CUDA_CHECK(cudaGetDeviceProperties(&properties, index));
  return {.name = properties.name,
          .compute_major = properties.major,
          .compute_minor = properties.minor,
          .memory_bytes = static_cast<int64_t>(properties.totalGlobalMem)};
}

template <class Moment>
void queue_adamw(const AdamWElements<Moment>& elements, int64_t first, int64_t count, const AdamWScalars& scalars) {
  C10_CUDA_CHECK(cuda::adamw(elements, first, count, scalars, c10::cuda::getCurrentCUDAStream()));
}

}  // namespace

GpuSupport gpu_support() {
  GpuSupport support;
  int count = 0;
  if (const auto error = cudaGetDeviceCount(&count); error != cudaSuccess) {
    cudaGetLastError();  // takes the error back, which a later call would report as its own
    support.why_none = fmt::format("CUDA finds no GPU ({})", cudaGetErrorString(error));
    return support;
  }
  for (int i = 0; i < count; ++i) support.gpus.push_back(describe(i));
  return support;
}

std::string cuda_version() { return fmt::format("{}.{}", CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10); }

void start_gpu() {
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);  // read when cuBLAS begins; LibTorch insists on it
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  at::globalContext().setDeterministicFillUninitializedMemory(false);  // a debugging aid that costs a pass a tensor
  at::globalContext().lazyInitDevice(at::kCUDA);
}

GpuMemory gpu_memory() {
  size_t available = 0, total = 0;
  C10_CUDA_CHECK(cudaMemGetInfo(&available, &total));
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(0);
  const auto& tensors = stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)];
  return {.available = static_cast<int64_t>(available), .in_use = tensors.current, .peak = tensors.peak};
}

void adamw_on_gpu(const AdamWElements<float>& elements, int64_t first, int64_t count, const AdamWScalars& scalars) {
  queue_adamw(elements, first, count, scalars);
}

void adamw_on_gpu(const AdamWElements<cpu::Bfloat16>& elements, int64_t first, int64_t count,
                  const AdamWScalars& scalars) {
  queue_adamw(elements, first, count, scalars);
}

}  // namespace slm
