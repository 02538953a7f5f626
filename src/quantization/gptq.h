// GPTQ: accurate post-training quantization (Frantar et al. 2022, arXiv:2210.17323), as Babai's nearest plane in the
// lattice that the Hessian's Cholesky factor spans (Chen et al. 2025, arXiv:2507.18553): the same codes, without
// inverting the Hessian.
#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>

#include "quantization/quantized_weight.h"

namespace slm {

/// What GPTQ learns about the inputs X (M, K) of a layer. Holds K * K float64, and K * K float32 where `exact` is
/// given.
class Hessian {
 public:
  explicit Hessian(int64_t in_features);

  /// x (..., K), float32 or bfloat16; multiplied and summed in float64.
  void add(const at::Tensor& x);
  /// The same where the model that is not quantized gives `exact` (..., K) instead of x.
  void add(const at::Tensor& x, const at::Tensor& exact);

  /// X^T X (K, K) float64: the curvature of the squared output error in each row of the weight.
  const at::Tensor& sum() const { return sum_; }
  /// (E - X)^T X (K, K) float32, E being the exact inputs; undefined where none was given.
  const at::Tensor& drift() const { return drift_; }

 private:
  at::Tensor sum_, drift_;
};

/// Which columns are rounded first.
enum class GptqOrder {
  kLeastPivot,  // last come the columns with the least curvature that those after them leave (arXiv:2507.18553)
  kCurvature,   // those with the largest curvature ("act order")
  kNatural,     // from left to right
};

struct GptqSettings {
  double damp = 0.01;  // of the mean curvature, added to each; at least 1e-6
  GptqOrder order = GptqOrder::kLeastPivot;
};

/// A Hessian made ready for all the layers that read its input.
struct GptqColumns {
  at::Tensor factor;  // (K, K) float64: upper triangle U, U^T U = the damped Hessian of the columns in `order`
  at::Tensor order;   // (K) int64: the column at each place; the last place is rounded first
  at::Tensor dead;    // (D) int64: inputs that were always 0
  at::Tensor drift;   // of the Hessian
};

/// `hessian`'s memory becomes the factor. With the damping no sum of finite squares fails to be positive definite in
/// float64, however few the samples. Error (kData) naming `input` where one is not finite.
GptqColumns gptq_columns(Hessian&& hessian, std::string_view input, const GptqSettings& settings = {});

/// The weight whose products with the inputs X come nearest to those of `weight` with the exact inputs, so that a layer
/// makes up for what the layers before it lost (GPTAQ: Li et al. 2025, arXiv:2504.02692): W + W (E - X)^T X H^-1, H
/// being the damped Hessian. weight (N, K) float32; `columns` have a drift.
at::Tensor weight_for_inputs(const at::Tensor& weight, const GptqColumns& columns);

/// Codes column by column: each is rounded to nearest, and its error is made up for, as well as the Hessian allows, by
/// the columns that come after it; where there is a drift, of weight_for_inputs instead of the weight itself. Inputs
/// that were always 0 get codes of 0. The scales, mse_scales or (not `clip_by_mse`) amax_scales, are fixed beforehand,
/// so that no order has to be stored. weight (N, K) float32. The same bits whatever the number of threads where there
/// is no drift; beside the result each thread holds 16 K float64. `rounded`, where given, becomes the (N, K) float32
/// numbers that were rounded: the weight with what makes up for the errors of the columns before.
QuantizedWeight gptq(const at::Tensor& weight, const Scheme& scheme, const GptqColumns& columns,
                     bool clip_by_mse = true, at::Tensor* rounded = nullptr);

}  // namespace slm
