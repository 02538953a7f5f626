// Gradient checkpointing (Chen et al. 2016, arXiv:1604.06174): activations of a segment are dropped after the forward
// pass and computed again in the backward pass.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace slm {

/// segment(x) with only x kept for the backward pass, which runs the segment a second time. The segment must be a pure
/// function of x and of parameters with preassigned gradients; then the bits are those of a plain call.
at::Tensor recomputed(const at::Tensor& x, std::function<at::Tensor(const at::Tensor&)> segment);

}  // namespace slm
