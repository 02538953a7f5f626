// A quantized linear layer that goes on being trained: its codes are the model. The float value of the weight exists
// only while a product needs it, once in the forward and once in the backward pass.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "kernels/quantize.h"
#include "model/linear.h"
#include "model/transformer.h"
#include "quantization/packed_linear.h"
#include "quantization/trainable_codes.h"

namespace slm {

/// y = x^ W^^T + b as PackedLinear computes it, in the dtype of x. Activations are quantized as the layer's scheme
/// says; their gradient goes straight through where nothing was clipped. The gradient of W^ is added to a float32
/// tensor that somebody else holds.
class TrainablePackedLinear final : public Linear {
 public:
  /// Takes the place of `layer`, over its bias; `gradient` (N, K) float32, or undefined where the codes stay.
  TrainablePackedLinear(const PackedLinear& layer, int residual_bits, at::Tensor gradient);

  at::Tensor forward(const at::Tensor& x) override;
  int64_t in_features() const override { return codes_->columns(); }
  int64_t out_features() const override { return codes_->rows(); }
  void pretty_print(std::ostream& stream) const override;

  const std::shared_ptr<TrainableCodes>& codes() const { return codes_; }
  const at::Tensor& gradient() const { return gradient_; }
  const std::optional<AffineScale>& activation() const { return activation_; }
  const at::Tensor& bias() const { return bias_; }  // undefined where there is none
  /// As it is saved and used for inference.
  PackedLinear packed() const;

 private:
  at::Tensor quantized(const at::Tensor& x) const;

  std::shared_ptr<TrainableCodes> codes_;
  at::Tensor gradient_, bias_;
  std::optional<AffineScale> activation_;
};

/// Every packed layer of the model keeps its codes and passes gradients on, for what is trained before it or beside it.
void keep_codes(Transformer& model);

}  // namespace slm
