// The seam between the model and what a linear layer is made of: blocks hold `Linear`, and other modules (quantized,
// adapters) replace a layer from outside.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

namespace slm {

/// y = x W^T + b on the last dimension: x (..., K) gives (..., N).
class Linear : public torch::nn::Module {
 public:
  virtual at::Tensor forward(const at::Tensor& x) = 0;
  virtual int64_t in_features() const = 0;   // K
  virtual int64_t out_features() const = 0;  // N
};

/// The model's own layer: a float weight (N, K) and an optional bias (N).
class DenseLinear final : public Linear {
 public:
  DenseLinear(int64_t in_features, int64_t out_features, bool bias);
  /// Shares `weight` (N, K) with another module, which registers it (a tied head).
  explicit DenseLinear(at::Tensor shared_weight);

  at::Tensor forward(const at::Tensor& x) override;
  int64_t in_features() const override { return weight_.size(1); }
  int64_t out_features() const override { return weight_.size(0); }
  void pretty_print(std::ostream& stream) const override;

  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }  // undefined where there is none

 private:
  at::Tensor weight_, bias_;
};

}  // namespace slm
