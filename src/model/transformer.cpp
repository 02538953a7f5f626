#include "model/transformer.h"

#include <c10/core/GradMode.h>

#include <cmath>

#include "core/rng.h"
#include "kernels/normal.h"

namespace slm {

Transformer::Transformer(const TransformerConfig& config, at::Device device) : config_(config) {
  decoder_ = register_module("model", std::make_shared<Decoder>(config, device));
  if (config.tie_embeddings) {
    // Not registered: the weight is the embedding's, and a second name for it would be a second parameter.
    head_ = std::make_shared<DenseLinear>(decoder_->token_embedding()->weight());
  } else {
    head_ = register_module("lm_head", std::make_shared<DenseLinear>(config.d_model, config.vocab_size, false));
  }
}

at::Tensor Transformer::hidden(const at::Tensor& ids, KvCache* cache, const Tap* tap) {
  return decoder_->forward(ids, {.cache = cache, .tap = tap});
}

at::Tensor Transformer::hidden(const at::Tensor& ids, const ForwardSettings& settings) {
  return decoder_->forward(ids, settings);
}

HeadTeacher Transformer::teach(const at::Tensor& ids, const ForwardSettings& settings, double weight) {
  const c10::NoGradGuard no_grad;
  return {*head_, hidden(ids, settings), weight};
}

at::Tensor Transformer::logits(const at::Tensor& ids, const Tap* tap) {
  const auto last = hidden(ids, nullptr, tap);
  if (tap) (*tap)("lm_head.input", last);
  return head(last);
}

std::shared_ptr<Transformer> Transformer::share() const {
  auto twin = std::make_shared<Transformer>(config_, device());
  const auto mine = named_parameters();
  for (auto& parameter : twin->named_parameters()) parameter.value().set_data(mine[parameter.key()]);
  twin->fuse_projections();
  return twin;
}

void Transformer::visit_linears(const LinearVisitor& visitor) {
  decoder_->visit_linears(visitor);
  const auto before = head_;
  visitor("lm_head", head_);
  const bool shares_weight = config_.tie_embeddings && std::dynamic_pointer_cast<DenseLinear>(head_);
  if (head_ != before && !shares_weight) {
    config_.tie_embeddings ? register_module("lm_head", head_) : replace_module("lm_head", head_);
    config_.tie_embeddings = false;
  }
  fuse_projections();
}

void initialize_parameters(const TransformerConfig& config, const ParameterArena& arena, uint64_t seed) {
  const c10::NoGradGuard no_grad;
  const double range = config.initializer_range;
  const double residual = range / std::sqrt(2.0 * static_cast<double>(config.n_layers));
  for (const auto& [name, parameter] : arena.values()) {
    if (parameter.dim() == 1) {
      parameter.fill_(name.ends_with(".bias") ? 0.0 : 1.0);
      continue;
    }
    const bool writes_residual = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
    fill_normal(parameter, writes_residual ? residual : range, derive_key(seed, "initialize " + name));
  }
  arena.update_shadows();
}

}  // namespace slm
