#include "evaluation/scored_batches.h"

#include <ATen/ops/tensor.h>

#include <algorithm>

#include "core/ignored_target.h"
#include "data/batch.h"

namespace slm {
namespace {

// Takes out the targets that an earlier window scores.
void ignore_unscored(const EvaluationWindows& windows, int64_t first, Batch& batch) {
  for (int64_t row = 0; row < batch.rows; ++row) {
    std::fill_n(batch.targets.begin() + row * batch.length, batch.length - windows.window(first + row).scored,
                kIgnoredTarget);
  }
}

}  // namespace

void for_each_scored_batch(const TokenStream& tokens, int64_t sequence_length, const EvaluationSettings& settings,
                           const std::function<void(const ScoredBatch&)>& body,
                           const std::function<void(double)>& on_batch) {
  const EvaluationWindows windows(tokens.size(), sequence_length, settings.stride);
  int64_t end = windows.size();
  if (settings.max_batches > 0) end = std::min(end, settings.max_batches * settings.batch_size);
  for (int64_t first = 0; first < end;) {
    auto batch = windows.batch(tokens, first, std::min(settings.batch_size, end - first), settings.isolate_documents);
    ignore_unscored(windows, first, batch);
    const auto matrix = [&](const std::vector<int64_t>& ids) {
      return at::tensor(ids, at::kLong).view({batch.rows, batch.length});
    };
    const auto starts = batch.document_starts.empty() ? at::Tensor() : matrix(batch.document_starts);
    body({matrix(batch.inputs), matrix(batch.targets), starts, std::move(batch.targets)});
    first += batch.rows;
    if (on_batch) on_batch(static_cast<double>(first) / static_cast<double>(end));
  }
}

}  // namespace slm
