// Migration of scales from activations to weights (SmoothQuant: Xiao et al. 2022, arXiv:2211.10438).
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace slm {

/// The factors (K) by which an input is divided and the weights (N_i, K) of all layers that read it are multiplied:
/// s_j = largest|x_j|^alpha / largest|w_j|^(1 - alpha), 1 where one of the two is 0, never below 1e-5 (as in the
/// paper's code) nor above 1e5. `largest` (K) float32, alpha in [0, 1].
at::Tensor smoothing_factors(const at::Tensor& largest, const std::vector<at::Tensor>& weights, double alpha);

}  // namespace slm
