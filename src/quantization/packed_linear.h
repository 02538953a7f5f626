// A linear layer whose weight is stored as codes and scales.
#pragma once

#include <optional>
#include <string>

#include "kernels/coded_linear.h"
#include "kernels/quantize.h"
#include "model/linear.h"
#include "quantization/quantized_weight.h"

namespace slm {

/// y = x^ W^^T + b. W^ is what the codes stand for; x^ is x itself (weight_only), or the value that its codes stand for
/// (dynamic: int8, a scale a token; static: uint8 under the layer's calibrated range). Results have the dtype of x and
/// are rounded to it once.
///
/// int8 weights with a scale a row, or one for all, and quantized activations are multiplied as whole numbers
/// (kernels/int8_linear.h), whose layout of the codes replaces the stored one from the first such product on.
/// Everything else is a float32 product with W^: for a few rows of x decoded on the way (kernels/coded_linear.h), for
/// many made some rows at a time.
class PackedLinear final : public Linear {
 public:
  /// `bias` (N) may be undefined; `activation` is given where, and only where, the scheme is static.
  PackedLinear(const QuantizedWeight& weight, const at::Tensor& bias, std::optional<AffineScale> activation);

  at::Tensor forward(const at::Tensor& x) override;
  /// The plain definition: x^ and W^ as float32 tensors and their product. What forward computes where a gradient is
  /// wanted: weight_only is differentiable in x.
  at::Tensor plain_forward(const at::Tensor& x) const;
  int64_t in_features() const override { return in_features_; }
  int64_t out_features() const override { return out_features_; }
  void pretty_print(std::ostream& stream) const override;

  /// Lays the codes out as this processor multiplies them, where that is another way than they are stored. The first
  /// product does it where nobody has; what it frees is then found between other memory.
  void lay_out();

  const Scheme& scheme() const { return scheme_; }
  /// Codes (not packed) and scales.
  QuantizedWeight weight() const;
  /// The codes as they are saved: (N, K) int8, or at 4 bits (N, ceil(K / 8)) int32 words.
  at::Tensor stored_codes() const;
  const at::Tensor& scales() const { return scales_; }
  const at::Tensor& bias() const { return bias_; }  // undefined where there is none
  const std::optional<AffineScale>& activation() const { return activation_; }
  /// What computes the product with a few rows, for the log: "int8 dynamic, oneDNN VNNI", "int4 weight_only, fused".
  std::string execution() const;

 private:
  bool multiplies_integers() const;
  at::Tensor integer_product(const at::Tensor& rows);
  at::Tensor quantized_values(const at::Tensor& rows) const;
  at::Tensor product_by_panels(const at::Tensor& values) const;
  at::Tensor weight_values(int64_t first_row, int64_t rows) const;
  CodedWeight coded_weight() const;
  at::Tensor float_bias() const;

  Scheme scheme_;
  int64_t in_features_, out_features_;
  at::Tensor stored_;       // undefined once packed_ holds the codes
  at::Tensor packed_ = {};  // of pack_int8_weight
  at::Tensor scales_, bias_;
  std::optional<AffineScale> activation_;
};

}  // namespace slm
