// The one way to look into a forward pass: inspection, calibration and golden tests all listen here.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string_view>

namespace slm {

/// Called with a name (`hidden.embeddings`, `attention.<i>`, `mlp.<i>`, `hidden.block.<i>`, `hidden.final`) and the
/// tensor (B, T, C) at that place.
using Tap = std::function<void(std::string_view name, const at::Tensor& value)>;

}  // namespace slm
