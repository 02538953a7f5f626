// Embeddings, blocks and the last norm: everything but the head.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "model/block.h"
#include "model/embedding.h"

namespace slm {

/// Of one forward pass.
struct ForwardSettings {
  KvCache* cache = nullptr;  // the tokens follow those that it holds; not with documents
  const Tap* tap = nullptr;
  DropoutPlace dropout = {};
  at::Tensor document_starts = {};  // (B, T) int64: attention never leaves a document (documents.h)
};

class Decoder final : public torch::nn::Module {
 public:
  Decoder(const TransformerConfig& config, at::Device device);

  /// ids (B, T) int64 -> (B, T, C) after the last norm: embed, every block, finish.
  at::Tensor forward(const at::Tensor& ids, const ForwardSettings& settings);

  /// What goes into the first block, and what all blocks share.
  struct Embedded {
    at::Tensor x;  // (B, T, C)
    ForwardContext context;
  };
  Embedded embed(const at::Tensor& ids, const ForwardSettings& settings);
  at::Tensor run_block(int64_t block, const at::Tensor& x, const ForwardContext& context);
  at::Tensor finish(const at::Tensor& x, const ForwardContext& context);  // the last norm

  /// Gradient checkpointing: each block keeps only its input for the backward pass.
  void set_recompute(bool recompute) { recompute_ = recompute; }
  void fuse_projections();
  void visit_linears(const LinearVisitor& visitor);

  const std::shared_ptr<Embedding>& token_embedding() const { return token_embedding_; }

 private:
  std::shared_ptr<Embedding> token_embedding_, position_embedding_;  // the second is null with RoPE
  std::vector<std::shared_ptr<Block>> blocks_;
  std::shared_ptr<Norm> norm_;
  std::optional<Rope> rope_;
  bool recompute_ = false;
};

}  // namespace slm
