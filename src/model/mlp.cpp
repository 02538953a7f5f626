#include "model/mlp.h"

#include <ATen/ops/gelu.h>

#include "kernels/gelu.h"
#include "kernels/swiglu.h"

namespace slm {

Mlp::Mlp(const TransformerConfig& config) : activation_(config.activation) {
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

at::Tensor Mlp::forward(const at::Tensor& x) {
  if (activation_ == Activation::kGeluNew) return down_->forward(gelu_new(up_->forward(x)));
  if (activation_ == Activation::kGelu) return down_->forward(at::gelu(up_->forward(x)));
  if (fused_) return down_->forward(swiglu(fused_->forward(x)));  // (B, T, 2F) -> (B, T, F)
  return down_->forward(swiglu(gate_->forward(x), up_->forward(x)));
}

}  // namespace slm
