// Tensors of LibTorch in safetensors files.
#pragma once

#include <filesystem>

#include "checkpoint/state_dict.h"
#include "formats/safetensors.h"

namespace slm {

/// A copy of one tensor of the file, in its dtype. Error (kData) for a dtype that LibTorch has not.
at::Tensor load_tensor(const SafetensorsFile& file, const TensorInfo& info);

/// The same as float32, of F32, BF16 or F16; where the file has it so, its own memory, valid as long as `file`. Error
/// (kData) naming the tensor whose dtype or shape is another.
at::Tensor load_float(const SafetensorsFile& file, const TensorInfo& info, at::IntArrayRef shape);

/// Writes contiguous or strided tensors of any device.
void save_tensors(const std::filesystem::path& path, const StateDict& tensors);

/// Copies every tensor of `state` from the file, which must hold just these names and shapes in float32.
void load_state(const std::filesystem::path& path, const StateDict& state);

}  // namespace slm
