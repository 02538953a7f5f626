// A linear layer that is trained for being quantized (quantization-aware training; Jacob et al. 2018,
// arXiv:1712.05877): it computes with the values that codes stand for, and gradients go through the rounding.
#pragma once

#include <memory>

#include "model/linear.h"
#include "quantization/activation_quantizer.h"
#include "quantization/scheme.h"

namespace slm {

/// y = x^ W^^T + b. The weight tensor holds W^, made once a step by whoever holds the master (FakeQuantizedWeight);
/// x^ is made here, or by the first of several layers that read one input.
class FakeQuantizedLinear final : public DenseLinear {
 public:
  /// Takes the place of `dense`, over its tensors. `weight`, where defined, is used instead of the dense layer's, which
  /// belongs to another module (a tied head). `activations` is null where, and only where, the scheme is weight_only.
  FakeQuantizedLinear(const DenseLinear& dense, const at::Tensor& weight, const Scheme& scheme,
                      std::shared_ptr<ActivationQuantizer> activations);

  at::Tensor prepare(const at::Tensor& x) override;
  const void* preparation() const override { return activations_.get(); }
  void pretty_print(std::ostream& stream) const override;

  const Scheme& scheme() const { return scheme_; }
  const std::shared_ptr<ActivationQuantizer>& activations() const { return activations_; }

 private:
  Scheme scheme_;
  std::shared_ptr<ActivationQuantizer> activations_;
};

}  // namespace slm
