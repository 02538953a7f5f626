#include "kernels/device.h"

#include "core/cpu_features.h"
#include "core/error.h"
#include "core/process_memory.h"
#include "kernels/gpu.h"

namespace slm {

at::Device choose_device(const std::optional<std::string>& name) {
  if (name == "cpu") return at::kCPU;
  const auto support = gpu_support();
  if (!support.gpus.empty()) {
    start_gpu();
    return at::kCUDA;
  }
  if (!name) return at::kCPU;
  fail(ExitCode::kUsage, "device: found {}, but {}; expected cpu or auto (docs/gpu.md says what cuda needs)", *name,
       support.why_none);
}

std::string device_name(at::Device device) { return device.is_cuda() ? "cuda" : "cpu"; }

std::string describe_device(at::Device device) {
  if (!device.is_cuda()) return "CPU";
  const auto support = gpu_support();
  const auto& gpu = support.gpus.at(0);
  return fmt::format("{} (compute capability {}.{}, {:.1f} GiB), CUDA {}", gpu.name, gpu.compute_major,
                     gpu.compute_minor, static_cast<double>(gpu.memory_bytes) / (1 << 30), cuda_version());
}

DeviceMemory memory_of(at::Device device) {
  if (!device.is_cuda()) return {available_bytes(), resident_bytes(), peak_resident_bytes()};
  const auto gpu = gpu_memory();
  return {gpu.available, gpu.in_use, gpu.peak};
}

bool multiplies_bfloat16(at::Device device) {
  return device.is_cuda() || multiplies_bfloat16();  // every GPU that has code here does: compute capability 8.0
}

}  // namespace slm
