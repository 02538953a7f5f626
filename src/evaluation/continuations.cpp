#include "evaluation/continuations.h"

#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/index.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "core/error.h"

namespace slm {
namespace {

// Inputs side by side, and where the scored targets are: as many entries in rows, places and targets.
struct ScoringBatch {
  at::Tensor inputs;  // (B, T)
  std::vector<int64_t> rows, places, targets;
  std::vector<size_t> scored;  // of each row
};

// Context and continuation, the newest window + 1 ids: the last one is only a target.
std::vector<int32_t> joined(const Continuation& continuation, size_t window) {
  auto ids = continuation.context;
  ids.insert(ids.end(), continuation.ids.begin(), continuation.ids.end());
  if (ids.size() > window + 1) ids.erase(ids.begin(), ids.end() - static_cast<std::ptrdiff_t>(window + 1));
  return ids;
}

ScoringBatch make_batch(std::span<const Continuation> continuations, size_t window) {
  std::vector<std::vector<int32_t>> texts;
  size_t longest = 0;
  for (const auto& continuation : continuations) {
    SLM_CHECK(!continuation.context.empty() && !continuation.ids.empty());
    texts.push_back(joined(continuation, window));
    longest = std::max(longest, texts.back().size() - 1);
  }
  ScoringBatch batch;
  batch.inputs = at::zeros({static_cast<int64_t>(texts.size()), static_cast<int64_t>(longest)}, at::kLong);
  for (size_t row = 0; row < texts.size(); ++row) {
    const auto& ids = texts[row];
    std::copy(ids.begin(), ids.end() - 1, batch.inputs.mutable_data_ptr<int64_t>() + row * longest);
    batch.scored.push_back(std::min(continuations[row].ids.size(), ids.size() - 1));
    for (size_t place = ids.size() - 1 - batch.scored.back(); place + 1 < ids.size(); ++place) {
      batch.rows.push_back(static_cast<int64_t>(row));
      batch.places.push_back(static_cast<int64_t>(place));
      batch.targets.push_back(ids[place + 1]);
    }
  }
  return batch;
}

// The head is asked for the scored places only: with a large vocabulary all logits would be the greatest tensor by far.
std::vector<double> log_probabilities(Transformer& model, const ScoringBatch& batch) {
  const auto ids = [](const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); };
  const auto hidden = model.hidden(batch.inputs);                                           // (B, T, C)
  const auto logits = model.head(at::index(hidden, {ids(batch.rows), ids(batch.places)}));  // (n, V)
  const auto targets = ids(batch.targets).to(logits.device());
  const auto losses = at::cross_entropy_loss(logits, targets, {}, at::Reduction::None).to(at::kCPU, at::kDouble);
  std::vector<double> result(losses.const_data_ptr<double>(), losses.const_data_ptr<double>() + losses.numel());
  for (auto& value : result) value = -value;
  return result;
}

}  // namespace

std::vector<std::vector<double>> score_continuations(Transformer& model, std::span<const Continuation> continuations,
                                                     size_t batch_size) {
  const c10::InferenceMode inference;
  const auto window = static_cast<size_t>(model.config().max_sequence_length);
  std::vector<std::vector<double>> scores;
  while (!continuations.empty()) {
    const size_t count = std::min(batch_size, continuations.size());
    const auto batch = make_batch(continuations.first(count), window);
    const auto values = log_probabilities(model, batch);
    auto next = values.begin();
    for (const size_t scored : batch.scored) {
      const auto end = next + static_cast<std::ptrdiff_t>(scored);
      scores.emplace_back(next, end);
      next = end;
    }
    continuations = continuations.subspan(count);
  }
  return scores;
}

}  // namespace slm
