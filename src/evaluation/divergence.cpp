#include "evaluation/divergence.h"

#include <ATen/ops/exp.h>
#include <ATen/ops/log_softmax.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "core/error.h"
#include "kernels/token_loss.h"

namespace slm {
namespace {

constexpr int64_t kMostHeadTokens = 256;  // that go through the heads at a time
constexpr int64_t kLogits = 1 << 20;      // of each head that exist at a time, unless a few tokens have more
constexpr int64_t kDoubleLogits = 1 << 18;

int64_t head_tokens(int64_t vocab_size) {
  constexpr int64_t kFewTokens = 16;
  return std::clamp(kLogits / vocab_size, kFewTokens, kMostHeadTokens);
}

// Adds what the logits (n, V) of both models after scored tokens say; targets (n).
void add_tokens(const at::Tensor& first, const at::Tensor& second, const at::Tensor& targets, Divergence& sums) {
  const int64_t tokens = first.size(0), step = std::max<int64_t>(1, kDoubleLogits / first.size(1));
  for (int64_t begin = 0; begin < tokens; begin += step) {
    const int64_t count = std::min(step, tokens - begin);
    const auto p = at::log_softmax(first.narrow(0, begin, count).to(at::kDouble), -1),
               q = at::log_softmax(second.narrow(0, begin, count).to(at::kDouble), -1);
    sums.kl_divergence += (at::exp(p) * (p - q)).sum().item<double>();
  }
  sums.flips += (first.argmax(-1) != second.argmax(-1)).sum().item<int64_t>();
  sums.loss_first += token_loss_sum(first, targets).item<double>();
  sums.loss_second += token_loss_sum(second, targets).item<double>();
  sums.tokens += targets.size(0);
}

// Adds all scored tokens of a batch.
void add_batch(const ComparedModel& first, const ComparedModel& second, const ScoredBatch& batch, Divergence& sums) {
  const auto scored = (batch.targets != kIgnoredTarget).view({-1}).nonzero().view({-1});
  const auto rows = [&](const at::Tensor& hidden) {
    return hidden.view({-1, hidden.size(-1)}).index_select(0, scored.to(hidden.device()));
  };
  const auto one = rows(first.hidden(batch)), other = rows(second.hidden(batch));
  const auto targets = batch.targets.view({-1}).index_select(0, scored).to(one.device());
  const int64_t step = head_tokens(first.model.config().vocab_size);
  for (int64_t begin = 0; begin < targets.size(0); begin += step) {
    const int64_t count = std::min(step, targets.size(0) - begin);
    add_tokens(first.model.head(one.narrow(0, begin, count)), second.model.head(other.narrow(0, begin, count)),
               targets.narrow(0, begin, count), sums);
  }
}

// The means that the sums of all batches give.
Divergence mean_of(Divergence sums) {
  const auto count = static_cast<double>(sums.tokens);
  for (double* sum : {&sums.loss_first, &sums.loss_second, &sums.kl_divergence}) *sum /= count;
  sums.top1_agreement = 1 - static_cast<double>(sums.flips) / count;
  return sums;
}

}  // namespace

ComparedModel whole_windows(Transformer& model) {
  return {model, [&model](const ScoredBatch& batch) {
            return model.hidden(batch.inputs, {.document_starts = batch.document_starts});
          }};
}

Divergence compare_predictions(const ComparedModel& first, const ComparedModel& second, const TokenStream& tokens,
                               int64_t sequence_length, const EvaluationSettings& settings,
                               const std::function<void(double)>& on_batch) {
  const c10::InferenceMode inference;
  SLM_CHECK(first.model.config().vocab_size == second.model.config().vocab_size);
  Divergence sums;
  const auto score = [&](const ScoredBatch& batch) { add_batch(first, second, batch, sums); };
  for_each_scored_batch(tokens, sequence_length, settings, score, on_batch);
  return mean_of(sums);
}

Divergence compare_predictions(Transformer& first, Transformer& second, const TokenStream& tokens,
                               int64_t sequence_length, const EvaluationSettings& settings,
                               const std::function<void(double)>& on_batch) {
  return compare_predictions(whole_windows(first), whole_windows(second), tokens, sequence_length, settings, on_batch);
}

Divergence compare_kv_cache(Transformer& model, KvCacheKind kind, const TokenStream& tokens, int64_t sequence_length,
                            EvaluationSettings settings) {
  const c10::InferenceMode inference;
  settings.isolate_documents = false;
  Divergence sums;
  const auto whole = whole_windows(model);
  const ComparedModel cached{model, [&](const ScoredBatch& batch) {
                               const auto cache = make_kv_cache(kind, model.config().n_layers, batch.inputs.size(0),
                                                                batch.inputs.size(1));
                               return model.hidden(batch.inputs, cache.get());
                             }};
  const auto score = [&](const ScoredBatch& batch) { add_batch(whole, cached, batch, sums); };
  for_each_scored_batch(tokens, sequence_length, settings, score, {});
  return mean_of(sums);
}

}  // namespace slm
