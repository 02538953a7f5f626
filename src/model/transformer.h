// The language model: a decoder and a head. Its parameters' names are the canonical ones, in Hugging Face's Llama
// spelling, whatever the architecture (model.layers.3.self_attn.q_proj.weight).
#pragma once

#include <memory>

#include "model/decoder.h"
#include "model/head_loss.h"
#include "model/parameter_arena.h"

namespace slm {

class Transformer final : public torch::nn::Module {
 public:
  /// Parameters have their shapes and no values yet (see initialize_parameters and the checkpoint's loader). On another
  /// device than the CPU they still have to be moved there (the arena does it); everything else is there already.
  explicit Transformer(const TransformerConfig& config, at::Device device = at::kCPU);

  /// ids (B, T) int64, on any device -> (B, T, C) after the last norm.
  at::Tensor hidden(const at::Tensor& ids, KvCache* cache = nullptr, const Tap* tap = nullptr);
  at::Tensor hidden(const at::Tensor& ids, const ForwardSettings& settings);
  void set_recompute(bool recompute) { decoder_->set_recompute(recompute); }
  /// hidden (..., C) -> logits (..., V), float32 whatever the layers compute in.
  at::Tensor head(const at::Tensor& hidden) { return head_->forward(hidden).to(at::kFloat); }
  /// Loss and gradient of the hidden states under the head, see head_loss_with_gradient.
  HeadLoss head_loss(const at::Tensor& hidden, const at::Tensor& targets, double scale,
                     const HeadTeacher* teacher = nullptr) {
    return head_loss_with_gradient(*head_, hidden, targets, scale, teacher);
  }
  /// What this model has to say of the tokens as the teacher of another one, to be used while this one lives. Without
  /// gradients.
  HeadTeacher teach(const at::Tensor& ids, const ForwardSettings& settings, double weight);
  /// ids (B, T) int64 -> (B, T, V).
  at::Tensor logits(const at::Tensor& ids, const Tap* tap = nullptr);

  /// Joins adjacent projections into one product each; call it after the arena has laid out the parameters.
  void fuse_projections() { decoder_->fuse_projections(); }

  /// Shows every linear layer in the order of the forward pass, the head last; layers may be replaced. A tied head that
  /// is replaced by a layer that is not dense becomes a module of its own, and the config says that nothing is tied.
  void visit_linears(const LinearVisitor& visitor);

  /// Another model of the same shape over the same parameters: layers that are replaced in one stay in the other. All
  /// of this one's layers are dense.
  std::shared_ptr<Transformer> share() const;

  Decoder& decoder() { return *decoder_; }
  const TransformerConfig& config() const { return config_; }
  /// Where the parameters lie.
  at::Device device() const { return decoder_->token_embedding()->weight().device(); }

 private:
  TransformerConfig config_;
  std::shared_ptr<Decoder> decoder_;
  std::shared_ptr<Linear> head_;
};

/// Fills every parameter: normal(0, initializer_range) for matrices, divided by sqrt(2 L) for the two projections that
/// write into the residual stream (GPT-2), 1 for norms, 0 for biases. Each is drawn from a generator of its own, keyed
/// by (seed, name), so that a parameter's values do not depend on which others there are.
void initialize_parameters(const TransformerConfig& config, const ParameterArena& arena, uint64_t seed);

}  // namespace slm
