#include "evaluation/divergence.h"

#include <ATen/ops/exp.h>
#include <ATen/ops/log_softmax.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "core/error.h"
#include "kernels/token_loss.h"

namespace slm {
namespace {

constexpr int64_t kHeadTokens = 256;  // that go through the heads at a time

// Adds what the logits (n, V) of both models after scored tokens say; targets (n).
void add_tokens(const at::Tensor& first, const at::Tensor& second, const at::Tensor& targets, Divergence& sums) {
  const auto p = at::log_softmax(first.to(at::kDouble), -1), q = at::log_softmax(second.to(at::kDouble), -1);
  sums.kl_divergence += (at::exp(p) * (p - q)).sum().item<double>();
  sums.flips += (first.argmax(-1) != second.argmax(-1)).sum().item<int64_t>();
  sums.loss_first += token_loss_sum(first, targets).item<double>();
  sums.loss_second += token_loss_sum(second, targets).item<double>();
  sums.tokens += targets.size(0);
}

}  // namespace

Divergence compare_predictions(Transformer& first, Transformer& second, const TokenStream& tokens,
                               int64_t sequence_length, const EvaluationSettings& settings,
                               const std::function<void(double)>& on_batch) {
  const c10::InferenceMode inference;
  SLM_CHECK(first.config().vocab_size == second.config().vocab_size);
  Divergence sums;
  const auto score = [&](const ScoredBatch& batch) {
    const ForwardSettings forward{.document_starts = batch.document_starts};
    const auto scored = (batch.targets != kIgnoredTarget).view({-1}).nonzero().view({-1});
    const auto rows = [&](const at::Tensor& hidden) {
      return hidden.view({-1, hidden.size(-1)}).index_select(0, scored.to(hidden.device()));
    };
    const auto one = rows(first.hidden(batch.inputs, forward)), other = rows(second.hidden(batch.inputs, forward));
    const auto targets = batch.targets.view({-1}).index_select(0, scored).to(one.device());
    for (int64_t begin = 0; begin < targets.size(0); begin += kHeadTokens) {
      const int64_t count = std::min(kHeadTokens, targets.size(0) - begin);
      add_tokens(first.head(one.narrow(0, begin, count)), second.head(other.narrow(0, begin, count)),
                 targets.narrow(0, begin, count), sums);
    }
  };
  for_each_scored_batch(tokens, sequence_length, settings, score, on_batch);
  const auto count = static_cast<double>(sums.tokens);
  for (double* sum : {&sums.loss_first, &sums.loss_second, &sums.kl_divergence}) *sum /= count;
  sums.top1_agreement = 1 - static_cast<double>(sums.flips) / count;
  return sums;
}

}  // namespace slm
