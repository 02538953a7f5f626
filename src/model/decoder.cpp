#include "model/decoder.h"

#include <ATen/ops/arange.h>

#include <iterator>
#include <string>

#include "core/error.h"
#include "model/documents.h"
#include "model/recompute.h"

namespace slm {

Decoder::Decoder(const TransformerConfig& config, at::Device device) {
  token_embedding_ = register_module("embed_tokens", std::make_shared<Embedding>(config.vocab_size, config.d_model));
  if (config.position == PositionKind::kLearned) {
    position_embedding_ =
        register_module("embed_positions", std::make_shared<Embedding>(config.max_sequence_length, config.d_model));
  } else {
    rope_.emplace(config.max_sequence_length, config.head_dim, config.rope_theta, config.rope_scaling, device);
  }
  const auto layers = register_module("layers", std::make_shared<torch::nn::Module>("BlockList"));
  for (int64_t i = 0; i < config.n_layers; ++i) {
    blocks_.push_back(layers->register_module(std::to_string(i), std::make_shared<Block>(config, i)));
  }
  norm_ = register_module("norm", std::make_shared<Norm>(config.norm, config.d_model, config.norm_eps, config.bias));
}

void Decoder::fuse_projections() {
  for (const auto& block : blocks_) block->fuse_projections();
}

void Decoder::visit_linears(const LinearVisitor& visitor) {
  for (const auto& block : blocks_) block->visit_linears(visitor);
}

Decoder::Embedded Decoder::embed(const at::Tensor& ids, const ForwardSettings& settings) {
  const auto device = token_embedding_->weight().device();
  const int64_t tokens = ids.size(1);  // T
  const auto& starts = settings.document_starts;
  SLM_CHECK(!starts.defined() || !settings.cache);
  auto positions = settings.cache ? settings.cache->next_positions(tokens) : Positions{};
  if (starts.defined()) positions.each = document_positions(starts);
  if (positions.each.defined()) positions.each = positions.each.to(device);
  ForwardContext context{
      .angles = std::nullopt, .cache = settings.cache, .tap = settings.tap, .dropout = settings.dropout};
  if (rope_) context.angles = rope_->angles(positions, tokens);
  auto x = token_embedding_->forward(ids.to(device));  // (B, T, C)
  if (position_embedding_) {
    x = x + position_embedding_->forward(positions.each.defined()
                                             ? positions.each
                                             : at::arange(positions.first, positions.first + tokens, device));
  }
  if (starts.defined()) context.mask = document_mask(starts.to(device), x.scalar_type());
  x = context.join("hidden.embeddings", x);
  return {x, context};
}

at::Tensor Decoder::run_block(int64_t index, const at::Tensor& x, const ForwardContext& context) {
  const auto& block = blocks_[static_cast<size_t>(index)];
  if (!recompute_) return block->forward(x, context);
  // The second forward pass comes when this one's context is gone, and is heard by nobody.
  auto again = context;
  again.tap = nullptr;
  return recomputed(x, [block, again](const at::Tensor& input) { return block->forward(input, again); });
}

at::Tensor Decoder::finish(const at::Tensor& x, const ForwardContext& context) {
  auto normed = norm_->forward(x);
  context.listen("hidden.final", normed);
  return normed;
}

at::Tensor Decoder::forward(const at::Tensor& ids, const ForwardSettings& settings) {
  auto [x, context] = embed(ids, settings);
  for (int64_t i = 0; i < std::ssize(blocks_); ++i) x = run_block(i, x, context);
  return finish(x, context);
}

}  // namespace slm
