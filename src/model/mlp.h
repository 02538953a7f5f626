// The feed-forward part of a block.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <optional>

#include "model/forward_context.h"
#include "model/fused_linear.h"
#include "model/linear.h"
#include "model/transformer_config.h"

namespace slm {

/// SwiGLU (Shazeer 2020, arXiv:2002.05202): down(silu(gate(x)) * up(x)); or GELU: down(gelu(up(x))).
class Mlp final : public torch::nn::Module {
 public:
  Mlp(const TransformerConfig& config, int64_t layer);

  at::Tensor forward(const at::Tensor& x, const ForwardContext& context);  // (B, T, C) -> (B, T, C)

  /// One product for gate and up where both are dense and lie side by side in memory.
  void fuse_projections();
  void visit_linears(const std::string& path, const LinearVisitor& visitor);

 private:
  at::Tensor activated(const at::Tensor& x);  // (B, T, C) -> (B, T, F)

  int64_t layer_;
  Activation activation_;
  std::shared_ptr<Linear> gate_, up_, down_;  // gate is null without SwiGLU
  std::optional<FusedLinear> fused_;
};

}  // namespace slm
