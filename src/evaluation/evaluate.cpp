#include "evaluation/evaluate.h"

#include <c10/core/InferenceMode.h>

#include <cmath>
#include <numbers>

#include "core/ignored_target.h"
#include "kernels/token_loss.h"

namespace slm {

EvaluationResult evaluate(Transformer& model, const TokenStream& tokens, const std::vector<int32_t>& token_bytes,
                          int64_t sequence_length, const EvaluationSettings& settings,
                          const std::function<void(double)>& on_batch) {
  const c10::InferenceMode inference;
  double sum = 0;
  int64_t bytes = 0;
  EvaluationResult result;
  const auto score = [&](const ScoredBatch& batch) {
    const auto hidden = model.hidden(batch.inputs, {.document_starts = batch.document_starts});
    sum += token_loss_sum(model.head(hidden), batch.targets).item<double>();
    for (const int64_t id : batch.target_ids) {
      if (id == kIgnoredTarget) continue;
      ++result.tokens;
      bytes += token_bytes[static_cast<size_t>(id)];
    }
  };
  for_each_scored_batch(tokens, sequence_length, settings, score, on_batch);
  result.loss = sum / static_cast<double>(result.tokens);
  result.perplexity = std::exp(result.loss);
  result.bits_per_byte = sum / std::numbers::ln2 / static_cast<double>(bytes);
  return result;
}

}  // namespace slm
