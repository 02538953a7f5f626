// The feed-forward part of a block.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <optional>

#include "model/fused_linear.h"
#include "model/linear.h"
#include "model/transformer_config.h"

namespace slm {

/// SwiGLU (Shazeer 2020, arXiv:2002.05202): down(silu(gate(x)) * up(x)); or GELU: down(gelu(up(x))).
class Mlp final : public torch::nn::Module {
 public:
  explicit Mlp(const TransformerConfig& config);

  at::Tensor forward(const at::Tensor& x);  // (B, T, C) -> (B, T, C)

  /// One product for gate and up where both are dense and lie side by side in memory.
  void fuse_projections();

 private:
  Activation activation_;
  std::shared_ptr<Linear> gate_, up_, down_;  // gate is null without SwiGLU
  std::optional<FusedLinear> fused_;
};

}  // namespace slm
