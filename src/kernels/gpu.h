// What needs CUDA. CMake chooses who answers: with_cuda/ in a build with SLM_CUDA, without_cuda/ in any other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/adamw_element.h"

namespace slm {

struct Gpu {
  std::string name;                          // "NVIDIA H200"
  int compute_major = 0, compute_minor = 0;  // compute capability
  int64_t memory_bytes = 0;
};

struct GpuSupport {
  std::vector<Gpu> gpus;  // of this machine; a run uses the first
  std::string why_none;   // where there are none: "this build has no CUDA"
};

/// Starts the driver, where there is one.
GpuSupport gpu_support();

/// "13.0": what the program was built with; empty where it was built without.
std::string cuda_version();

/// Called once before the first operation on a GPU: LibTorch then takes kernels that give the same bits every time.
void start_gpu();

/// Of the first GPU, in bytes; start_gpu comes first.
struct GpuMemory {
  int64_t available;     // what the driver can still give
  int64_t in_use, peak;  // by this process's tensors, now and at most
};
GpuMemory gpu_memory();

/// cpu::adamw for elements on a GPU, queued on the current stream.
void adamw_on_gpu(const AdamWElements<float>& elements, int64_t first, int64_t count, const AdamWScalars& scalars);
void adamw_on_gpu(const AdamWElements<cpu::Bfloat16>& elements, int64_t first, int64_t count,
                  const AdamWScalars& scalars);

}  // namespace slm
