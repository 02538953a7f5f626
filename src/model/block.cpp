#include "model/block.h"

#include <fmt/format.h>

namespace slm {

Block::Block(const TransformerConfig& config, int64_t layer) : layer_(layer) {
  const auto norm = [&] { return std::make_shared<Norm>(config.norm, config.d_model, config.norm_eps, config.bias); };
  attention_norm_ = register_module("input_layernorm", norm());
  attention_ = register_module("self_attn", std::make_shared<Attention>(config, layer));
  mlp_norm_ = register_module("post_attention_layernorm", norm());
  mlp_ = register_module("mlp", std::make_shared<Mlp>(config, layer));
}

void Block::fuse_projections() {
  attention_->fuse_projections();
  mlp_->fuse_projections();
}

void Block::visit_linears(const LinearVisitor& visitor) {
  const auto path = fmt::format("model.layers.{}", layer_);
  attention_->visit_linears(path + ".self_attn", visitor);
  mlp_->visit_linears(path + ".mlp", visitor);
}

at::Tensor Block::forward(at::Tensor x, const ForwardContext& context) {
  x = x + context.join(fmt::format("attention.{}", layer_), attention_->forward(attention_norm_->forward(x), context));
  x = x + context.join(fmt::format("mlp.{}", layer_), mlp_->forward(mlp_norm_->forward(x), context));
  context.listen(fmt::format("hidden.block.{}", layer_), x);
  return x;
}

}  // namespace slm
