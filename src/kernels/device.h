// Where a model lives: the CPU, or the first GPU.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <string>

namespace slm {

/// `name` is cpu or cuda; without one (auto) a GPU where this build and this machine have one, else the CPU. A GPU is
/// made deterministic. Error (kUsage) where cuda is asked for and cannot be had.
at::Device choose_device(const std::optional<std::string>& name);

/// "cpu" or "cuda", as choose_device takes it.
std::string device_name(at::Device device);

/// "CPU", or "NVIDIA H200 (compute capability 9.0, 139.8 GiB), CUDA 13.0".
std::string describe_device(at::Device device);

/// Bytes of its memory, each 0 where the system does not tell.
struct DeviceMemory {
  int64_t available;     // that can still be had
  int64_t in_use, peak;  // by this process, now and at most; on a GPU by its tensors
};
DeviceMemory memory_of(at::Device device);

/// Whether it multiplies bfloat16 numbers itself.
bool multiplies_bfloat16(at::Device device);

}  // namespace slm
