// One quantized layer in safetensors files, by the names of compressed-tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <set>
#include <string>

#include "checkpoint/parameter_files.h"
#include "checkpoint/state_dict.h"
#include "quantization/metadata.h"
#include "quantization/packed_linear.h"

namespace slm {

/// What is saved of it, its bias excepted: `weight` (N, K) I8, or at 4 bits `weight_packed` (N, ceil(K / 8)) I32 and
/// `weight_shape` (2) I64; `weight_scale` (1), (N, 1) or (N, G) F32; of static activations `input_scale` (1) F32 and
/// `input_zero_point` (1) I8, which is the zero point less 128.
StateDict quantized_tensors(const QuantizedLayerInfo& info, const PackedLinear& layer);

/// The layer as the files have it, on `device`; `bias` (N) may be undefined. Adds the names of its tensors to `known`.
/// Error (kData) naming the file and the tensor that is missing or of another type or shape than `info` asks for, a
/// code that the bits do not allow, a scale that is not finite and above 0, padding that is not 0, and activations that
/// `info` contradicts.
std::shared_ptr<PackedLinear> read_quantized_layer(const ParameterFiles& files, const QuantizedLayerInfo& info,
                                                   const at::Tensor& bias, at::Device device,
                                                   std::set<std::string>& known);

}  // namespace slm
