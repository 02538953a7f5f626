#include "model/attention.h"

#include <fmt/format.h>

#include "kernels/attention.h"
#include "kernels/rope.h"

namespace slm {
namespace {

// (B, T, heads * D) -> (B, heads, T, D)
at::Tensor split_heads(const at::Tensor& x, int64_t heads, int64_t head_dim) {
  return x.view({x.size(0), x.size(1), heads, head_dim}).transpose(1, 2);
}

// (B, heads, T, D) -> (B, T, heads * D)
at::Tensor merge_heads(const at::Tensor& x) {
  return x.transpose(1, 2).reshape({x.size(0), x.size(2), x.size(1) * x.size(3)});
}

}  // namespace

Attention::Attention(const TransformerConfig& config, int64_t layer)
    : layer_(layer), n_heads_(config.n_heads), n_kv_heads_(config.n_kv_heads), head_dim_(config.head_dim) {
  const auto dense = [&](const char* name, int64_t in, int64_t out, bool bias) {
    return register_module(name, std::make_shared<DenseLinear>(in, out, bias));
  };
  query_ = dense("q_proj", config.d_model, n_heads_ * head_dim_, config.qkv_bias);
  key_ = dense("k_proj", config.d_model, n_kv_heads_ * head_dim_, config.qkv_bias);
  value_ = dense("v_proj", config.d_model, n_kv_heads_ * head_dim_, config.qkv_bias);
  output_ = dense("o_proj", n_heads_ * head_dim_, config.d_model, config.bias);
  if (config.qk_norm) {
    query_norm_ = register_module("q_norm", std::make_shared<Norm>(config.norm, head_dim_, config.norm_eps, false));
    key_norm_ = register_module("k_norm", std::make_shared<Norm>(config.norm, head_dim_, config.norm_eps, false));
  }
}

void Attention::fuse_projections() { fused_ = FusedLinear::make({query_, key_, value_}); }

void Attention::visit_linears(const std::string& path, const LinearVisitor& visitor) {
  visit_linear(*this, path, "q_proj", query_, visitor);
  visit_linear(*this, path, "k_proj", key_, visitor);
  visit_linear(*this, path, "v_proj", value_, visitor);
  visit_linear(*this, path, "o_proj", output_, visitor);
}

at::Tensor Attention::forward(const at::Tensor& x, const ForwardContext& context) {  // x: (B, T, C)
  if (context.tap) context.listen(fmt::format("model.layers.{}.self_attn.input", layer_), x);
  const auto qkv =
      fused_ ? fused_->forward_split(x) : std::vector{query_->forward(x), key_->forward(x), value_->forward(x)};
  auto q = split_heads(qkv[0], n_heads_, head_dim_);     // (B, H, T, D)
  auto k = split_heads(qkv[1], n_kv_heads_, head_dim_);  // (B, G, T, D)
  const auto v = split_heads(qkv[2], n_kv_heads_, head_dim_);
  if (query_norm_) {
    q = query_norm_->forward(q);
    k = key_norm_->forward(k);
  }
  if (context.angles) {
    q = rotate(q, context.angles->cos, context.angles->sin);
    k = rotate(k, context.angles->cos, context.angles->sin);
  }
  const auto y = merge_heads(context.cache            ? context.cache->attend(layer_, q, k, v)
                             : context.mask.defined() ? masked_attention(q, k, v, context.mask)
                                                      : causal_attention(q, k, v));  // (B, T, H * D)
  if (context.tap) context.listen(fmt::format("model.layers.{}.self_attn.o_proj.input", layer_), y);
  return output_->forward(y);  // (B, T, C)
}

}  // namespace slm
