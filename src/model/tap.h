// The one way to look into a forward pass: inspection, calibration and golden tests all listen here.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <string_view>

namespace slm {

/// Called with the name of a place and the tensor there. Between the layers, (B, T, C): `hidden.embeddings`,
/// `attention.<i>`, `mlp.<i>`, `hidden.block.<i>`, `hidden.final`. What goes into the linear layers, (B, T, K), see
/// linear_input: `model.layers.<i>.self_attn.input`, `….self_attn.o_proj.input`, `….mlp.input`,
/// `….mlp.down_proj.input`, `lm_head.input`.
using Tap = std::function<void(std::string_view name, const at::Tensor& value)>;

/// Where the tap hears the input of a linear layer, from the layer's canonical name: q, k and v share one, and so do
/// gate and up.
std::string linear_input(std::string_view linear);

}  // namespace slm
