// Multi-head attention with grouped keys and values (Ainslie et al. 2023, arXiv:2305.13245).
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

#include "model/forward_context.h"
#include "model/fused_linear.h"
#include "model/linear.h"
#include "model/norm.h"
#include "model/transformer_config.h"

namespace slm {

class Attention final : public torch::nn::Module {
 public:
  Attention(const TransformerConfig& config, int64_t layer);

  at::Tensor forward(const at::Tensor& x, const ForwardContext& context);  // (B, T, C) -> (B, T, C)

  /// One product for q, k and v where the three are dense and lie side by side in memory.
  void fuse_projections();
  void visit_linears(const std::string& path, const LinearVisitor& visitor);

 private:
  int64_t layer_, n_heads_, n_kv_heads_, head_dim_;
  std::shared_ptr<Linear> query_, key_, value_, output_;
  std::shared_ptr<Norm> query_norm_, key_norm_;  // null without qk_norm
  std::optional<FusedLinear> fused_;
};

}  // namespace slm
