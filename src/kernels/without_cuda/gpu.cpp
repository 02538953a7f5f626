#include "kernels/gpu.h"

#include "core/error.h"

namespace slm {
namespace {

[[noreturn]] void no_gpu() {
  detail::check_failed("nothing lies on a GPU in a build without CUDA", __FILE__, __LINE__);
}

}  // namespace

GpuSupport gpu_support() { return {.gpus = {}, .why_none = "this build has no CUDA"}; }

std::string cuda_version() { return ""; }

void start_gpu() { no_gpu(); }

GpuMemory gpu_memory() { no_gpu(); }

void adamw_on_gpu(const AdamWElements<float>&, int64_t, int64_t, const AdamWScalars&) { no_gpu(); }

void adamw_on_gpu(const AdamWElements<cpu::Bfloat16>&, int64_t, int64_t, const AdamWScalars&) { no_gpu(); }

}  // namespace slm
