// A linear layer whose weight is stored as codes and scales.
#pragma once

#include <optional>

#include "kernels/quantize.h"
#include "model/linear.h"
#include "quantization/quantized_weight.h"

namespace slm {

/// y = x^ W^^T + b. W^ is what the codes stand for; x^ is x itself (weight_only), or the value that its codes stand for
/// (dynamic: int8, a scale a token; static: uint8 under the layer's calibrated range).
class PackedLinear final : public Linear {
 public:
  /// `bias` (N) may be undefined; `activation` is given where, and only where, the scheme is static.
  PackedLinear(const QuantizedWeight& weight, const at::Tensor& bias, std::optional<AffineScale> activation);

  at::Tensor forward(const at::Tensor& x) override;
  int64_t in_features() const override { return in_features_; }
  int64_t out_features() const override { return stored_.size(0); }
  void pretty_print(std::ostream& stream) const override;

  const Scheme& scheme() const { return scheme_; }
  /// Codes (not packed) and scales.
  QuantizedWeight weight() const;
  /// The codes as they are saved: (N, K) int8, or at 4 bits (N, ceil(K / 8)) int32 words.
  const at::Tensor& stored_codes() const { return stored_; }
  const at::Tensor& scales() const { return scales_; }
  const at::Tensor& bias() const { return bias_; }  // undefined where there is none
  const std::optional<AffineScale>& activation() const { return activation_; }
  /// What computes the product, for the log: "dequantized float32".
  std::string_view execution() const;

 private:
  Scheme scheme_;
  int64_t in_features_;
  at::Tensor stored_, scales_, bias_;
  std::optional<AffineScale> activation_;
};

}  // namespace slm
