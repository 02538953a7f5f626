// Scales that clip the largest weights where the others gain more from finer steps.
#pragma once

#include <ATen/core/Tensor.h>

#include "quantization/scheme.h"

namespace slm {

/// For what shares a scale in weight (N, K) float32: of the clips amax * i / 100, i = 1 .. 100, the one with the least
/// sum of (x - x^)^2; among equals the largest. Shaped as amax_scales.
at::Tensor mse_scales(const at::Tensor& weight, const Scheme& scheme);

}  // namespace slm
