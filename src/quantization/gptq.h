// GPTQ: accurate post-training quantization (Frantar et al. 2022, arXiv:2210.17323).
#pragma once

#include <ATen/core/Tensor.h>

#include "quantization/quantized_weight.h"

namespace slm {

/// X^T X over all the inputs X (M, K) that a layer has seen: the curvature of its squared output error in each row of
/// its weight.
class Hessian {
 public:
  explicit Hessian(int64_t in_features);

  /// x (..., K), float32 or bfloat16; summed in float64.
  void add(const at::Tensor& x);
  const at::Tensor& sum() const { return sum_; }  // (K, K) float64

 private:
  at::Tensor sum_;
};

struct GptqSettings {
  double damp = 0.01;              // of the mean curvature, added to each
  bool clip_by_mse = true;         // scales of mse_scales; else of amax_scales
  bool order_by_curvature = true;  // the columns with the largest curvature first; else from left to right
};

/// Codes column by column: each is rounded to nearest, and its error is made up for, as well as `hessian` (K, K)
/// allows, by the columns that come after it. The scales are fixed beforehand, so that no order has to be stored.
/// Inputs that were always 0 get codes of 0. weight (N, K) float32.
QuantizedWeight gptq(const at::Tensor& weight, const Scheme& scheme, const at::Tensor& hessian,
                     const GptqSettings& settings = {});

}  // namespace slm
