// Tensors of LibTorch in safetensors files.
#pragma once

#include <filesystem>

#include "checkpoint/state_dict.h"
#include "formats/safetensors.h"

namespace slm {

/// A copy of one tensor of the file, in its dtype. Error (kData) for a dtype that LibTorch has not.
at::Tensor load_tensor(const SafetensorsFile& file, const TensorInfo& info);

/// Writes contiguous or strided tensors of any device.
void save_tensors(const std::filesystem::path& path, const StateDict& tensors);

/// Copies every tensor of `state` from the file, which must hold just these names and shapes in float32.
void load_state(const std::filesystem::path& path, const StateDict& state);

}  // namespace slm
