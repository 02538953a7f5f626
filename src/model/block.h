// One layer of the transformer: norm, attention, norm, feed-forward, each half added to the residual stream.
#pragma once

#include <memory>

#include "model/attention.h"
#include "model/mlp.h"

namespace slm {

class Block final : public torch::nn::Module {
 public:
  Block(const TransformerConfig& config, int64_t layer);

  at::Tensor forward(at::Tensor x, const ForwardContext& context);  // (B, T, C) -> (B, T, C)
  void fuse_projections();
  void visit_linears(const LinearVisitor& visitor);

 private:
  int64_t layer_;
  std::shared_ptr<Norm> attention_norm_, mlp_norm_;
  std::shared_ptr<Attention> attention_;
  std::shared_ptr<Mlp> mlp_;
};

}  // namespace slm
