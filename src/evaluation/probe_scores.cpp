#include "evaluation/probe_scores.h"

#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "data/stories/probes.h"
#include "kernels/token_loss.h"

namespace slm {
namespace {

constexpr size_t kRows = 16;  // continuations in one forward pass

// A context and one of its continuations.
struct Sequence {
  std::vector<int32_t> ids;
  int64_t scored;  // tokens at the end that are the continuation
};

Sequence make_sequence(const Tokenizer& tokenizer, const std::string& context, const std::string& continuation,
                       int64_t window) {
  Sequence sequence{tokenizer.encode(context, "probe"), 0};
  const auto end = tokenizer.encode(continuation, "probe");
  sequence.ids.insert(sequence.ids.end(), end.begin(), end.end());
  const auto excess = static_cast<int64_t>(sequence.ids.size()) - (window + 1);  // the last id is only a target
  if (excess > 0) sequence.ids.erase(sequence.ids.begin(), sequence.ids.begin() + excess);
  sequence.scored = static_cast<int64_t>(std::min(end.size(), sequence.ids.size() - 1));
  return sequence;
}

// Negative log-probability of each sequence's continuation. Rows are padded on the right, which causal attention never
// looks at.
std::vector<double> continuation_losses(Transformer& model, const std::vector<Sequence>& sequences, size_t first,
                                        size_t count) {
  size_t longest = 0;
  for (size_t i = 0; i < count; ++i) longest = std::max(longest, sequences[first + i].ids.size());
  const auto rows = static_cast<int64_t>(count), length = static_cast<int64_t>(longest) - 1;
  auto inputs = at::zeros({rows, length}, at::kLong), targets = at::full({rows, length}, kIgnoredTarget, at::kLong);
  auto* input = inputs.data_ptr<int64_t>();
  auto* target = targets.data_ptr<int64_t>();
  for (int64_t row = 0; row < rows; ++row) {
    const auto& [ids, scored] = sequences[first + static_cast<size_t>(row)];
    const auto size = static_cast<int64_t>(ids.size()) - 1;
    for (int64_t t = 0; t < size; ++t) {
      input[row * length + t] = ids[static_cast<size_t>(t)];
      if (t >= size - scored) target[row * length + t] = ids[static_cast<size_t>(t) + 1];
    }
  }
  const auto logits = model.logits(inputs.to(model.device())).flatten(0, 1);
  const auto losses =
      at::cross_entropy_loss(logits, targets.flatten().to(model.device()), {}, at::Reduction::None, kIgnoredTarget)
          .view({rows, length})
          .sum(1)
          .to(at::kCPU, at::kDouble);
  return {losses.data_ptr<double>(), losses.data_ptr<double>() + rows};
}

}  // namespace

std::vector<ProbeScore> score_probes(Transformer& model, const Tokenizer& tokenizer) {
  const c10::InferenceMode inference;
  const auto probes = stories::make_probes();
  const int64_t window = model.config().max_sequence_length;
  std::vector<Sequence> sequences;
  for (const auto& probe : probes) {
    sequences.push_back(make_sequence(tokenizer, probe.context, probe.correct, window));
    for (const auto& wrong : probe.wrong) {
      sequences.push_back(make_sequence(tokenizer, probe.context, wrong, window));
    }
  }
  std::vector<double> losses;
  for (size_t first = 0; first < sequences.size(); first += kRows) {
    const auto some = continuation_losses(model, sequences, first, std::min(kRows, sequences.size() - first));
    losses.insert(losses.end(), some.begin(), some.end());
  }
  std::vector<ProbeScore> scores;
  auto loss = losses.begin();
  for (const auto& probe : probes) {
    if (scores.empty() || scores.back().ability != probe.ability) scores.push_back({probe.ability});
    const auto first_wrong = loss + 1, end = first_wrong + static_cast<std::ptrdiff_t>(probe.wrong.size());
    scores.back().total += 1;
    scores.back().right += std::all_of(first_wrong, end, [&](double wrong) { return *loss < wrong; });
    loss = end;
  }
  return scores;
}

}  // namespace slm
