// The seam between the model and what a linear layer is made of: blocks hold `Linear`, and other modules (quantized,
// adapters) replace a layer from outside.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <functional>
#include <memory>
#include <string>

namespace slm {

/// y = x W^T + b on the last dimension: x (..., K) gives (..., N).
class Linear : public torch::nn::Module {
 public:
  virtual at::Tensor forward(const at::Tensor& x) = 0;
  virtual int64_t in_features() const = 0;   // K
  virtual int64_t out_features() const = 0;  // N
};

/// The model's own layer: a float weight (N, K) and an optional bias (N).
class DenseLinear : public Linear {
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

  /// What a derived layer does to x before the product. Layers of one input that have the same `preparation` may share
  /// what it gives, and so be joined into one product.
  virtual at::Tensor prepare(const at::Tensor& x) { return x; }
  virtual const void* preparation() const { return nullptr; }

 protected:
  /// Over the tensors of another layer, whose place this one takes. A weight that is not `owned` belongs to another
  /// module (a tied head).
  DenseLinear(at::Tensor weight, at::Tensor bias, bool owned);

 private:
  at::Tensor weight_, bias_;
};

/// Is shown a linear layer and its canonical name (model.layers.3.self_attn.q_proj, lm_head), and may put another one
/// in its place.
using LinearVisitor = std::function<void(const std::string& name, std::shared_ptr<Linear>& layer)>;

/// Shows `visitor` the layer that `parent` holds under `name`, where it holds one, and registers what comes in its
/// place. `path` is the parent's own name.
void visit_linear(torch::nn::Module& parent, const std::string& path, const char* name, std::shared_ptr<Linear>& layer,
                  const LinearVisitor& visitor);

}  // namespace slm
