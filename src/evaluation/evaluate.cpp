#include "evaluation/evaluate.h"

#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/token_loss.h"

namespace slm {
namespace {

// Takes out the targets that an earlier window scores.
void ignore_unscored(const EvaluationWindows& windows, int64_t first, Batch& batch) {
  for (int64_t row = 0; row < batch.rows; ++row) {
    std::fill_n(batch.targets.begin() + row * batch.length, batch.length - windows.window(first + row).scored,
                kIgnoredTarget);
  }
}

// Sum of losses of one batch, in nats.
double batch_loss(Transformer& model, const Batch& batch) {
  const auto matrix = [&](const std::vector<int64_t>& ids) {
    return at::tensor(ids, at::kLong).view({batch.rows, batch.length});
  };
  const auto starts = batch.document_starts.empty() ? at::Tensor() : matrix(batch.document_starts);
  const auto hidden = model.hidden(matrix(batch.inputs), {.document_starts = starts});
  return token_loss_sum(model.head(hidden), matrix(batch.targets)).item<double>();
}

}  // namespace

EvaluationResult evaluate(Transformer& model, const TokenStream& tokens, const std::vector<int32_t>& token_bytes,
                          int64_t sequence_length, const EvaluationSettings& settings,
                          const std::function<void(double)>& on_batch) {
  const c10::InferenceMode inference;
  const EvaluationWindows windows(tokens.size(), sequence_length, settings.stride);
  int64_t end = windows.size();
  if (settings.max_batches > 0) end = std::min(end, settings.max_batches * settings.batch_size);
  double sum = 0;
  int64_t bytes = 0;
  EvaluationResult result;
  for (int64_t first = 0; first < end;) {
    auto batch = windows.batch(tokens, first, std::min(settings.batch_size, end - first), settings.isolate_documents);
    ignore_unscored(windows, first, batch);
    sum += batch_loss(model, batch);
    for (const int64_t id : batch.targets) {
      if (id == kIgnoredTarget) continue;
      ++result.tokens;
      bytes += token_bytes[static_cast<size_t>(id)];
    }
    first += batch.rows;
    if (on_batch) on_batch(static_cast<double>(first) / static_cast<double>(end));
  }
  result.loss = sum / static_cast<double>(result.tokens);
  result.perplexity = std::exp(result.loss);
  result.bits_per_byte = sum / std::numbers::ln2 / static_cast<double>(bytes);
  return result;
}

}  // namespace slm
