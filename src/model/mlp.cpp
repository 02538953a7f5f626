#include "model/mlp.h"

#include <ATen/ops/gelu.h>
#include <fmt/format.h>

#include "kernels/gelu.h"
#include "kernels/swiglu.h"

namespace slm {

Mlp::Mlp(const TransformerConfig& config, int64_t layer) : layer_(layer), activation_(config.activation) {
  const auto dense = [&](const char* name, int64_t in, int64_t out) {
    return register_module(name, std::make_shared<DenseLinear>(in, out, config.bias));
  };
  if (activation_ == Activation::kSwiGlu) gate_ = dense("gate_proj", config.d_model, config.d_ff);
  up_ = dense("up_proj", config.d_model, config.d_ff);
  down_ = dense("down_proj", config.d_ff, config.d_model);
}

void Mlp::fuse_projections() {
  if (gate_) fused_ = FusedLinear::make({gate_, up_});
}

void Mlp::visit_linears(const std::string& path, const LinearVisitor& visitor) {
  visit_linear(*this, path, "gate_proj", gate_, visitor);
  visit_linear(*this, path, "up_proj", up_, visitor);
  visit_linear(*this, path, "down_proj", down_, visitor);
}

at::Tensor Mlp::activated(const at::Tensor& x) {
  if (activation_ == Activation::kGeluNew) return gelu_new(up_->forward(x));
  if (activation_ == Activation::kGelu) return at::gelu(up_->forward(x));
  if (fused_) return swiglu(fused_->forward(x));  // from (B, T, 2F)
  return swiglu(gate_->forward(x), up_->forward(x));
}

at::Tensor Mlp::forward(const at::Tensor& x, const ForwardContext& context) {
  if (context.tap) context.listen(fmt::format("model.layers.{}.mlp.input", layer_), x);
  const auto inner = activated(x);
  if (context.tap) context.listen(fmt::format("model.layers.{}.mlp.down_proj.input", layer_), inner);
  return down_->forward(inner);
}

}  // namespace slm
