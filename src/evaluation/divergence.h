// Two models over the same tokens: how far the second one's predictions are from the first one's.
#pragma once

#include <cstdint>
#include <functional>

#include "data/token_stream.h"
#include "evaluation/evaluate.h"
#include "model/kv_cache.h"
#include "model/transformer.h"

namespace slm {

struct Divergence {
  double loss_first = 0, loss_second = 0;  // nats per token
  double kl_divergence = 0;                // mean over the tokens of KL(first || second), nats
  double top1_agreement = 0;               // share of the tokens after which both think the same token likeliest
  int64_t flips = 0;                       // tokens after which they do not
  int64_t tokens = 0;                      // scored

  double loss_difference() const { return loss_second - loss_first; }
};

/// One of two that are compared: how it comes to the hidden states (B, T, C) of a batch, and the model whose head they
/// go through.
struct ComparedModel {
  Transformer& model;
  std::function<at::Tensor(const ScoredBatch&)> hidden;
};

/// A model that reads each window at once.
ComparedModel whole_windows(Transformer& model);

/// Scores the windows that `evaluate` scores, `tokens` in the vocabulary of both models. The heads see some
/// tokens at a time, so that no more logits exist at once. `on_batch` hears the share that is done.
Divergence compare_predictions(const ComparedModel& first, const ComparedModel& second, const TokenStream& tokens,
                               int64_t sequence_length, const EvaluationSettings& settings,
                               const std::function<void(double share)>& on_batch = {});
Divergence compare_predictions(Transformer& first, Transformer& second, const TokenStream& tokens,
                               int64_t sequence_length, const EvaluationSettings& settings,
                               const std::function<void(double share)>& on_batch = {});

/// The same between a model that reads each window at once (first) and the same model through a key/value cache of that
/// kind: what the cache's way of storing costs. Windows are read whole, whatever documents they hold.
Divergence compare_kv_cache(Transformer& model, KvCacheKind kind, const TokenStream& tokens, int64_t sequence_length,
                            EvaluationSettings settings);

}  // namespace slm
