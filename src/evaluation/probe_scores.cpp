#include "evaluation/probe_scores.h"

#include <algorithm>
#include <numeric>

#include "data/stories/probes.h"
#include "evaluation/continuations.h"

namespace slm {
namespace {

constexpr size_t kBatchSize = 16;

std::vector<Continuation> continuations_of(const std::vector<stories::Probe>& probes, const Tokenizer& tokenizer) {
  std::vector<Continuation> continuations;
  for (const auto& probe : probes) {
    const auto context = tokenizer.encode(probe.context, "probe");
    continuations.push_back({context, tokenizer.encode(probe.correct, "probe")});
    for (const auto& wrong : probe.wrong) continuations.push_back({context, tokenizer.encode(wrong, "probe")});
  }
  return continuations;
}

}  // namespace

std::vector<ProbeScore> score_probes(Transformer& model, const Tokenizer& tokenizer) {
  const auto probes = stories::make_probes();
  std::vector<double> sums;
  for (const auto& tokens : score_continuations(model, continuations_of(probes, tokenizer), kBatchSize)) {
    sums.push_back(std::accumulate(tokens.begin(), tokens.end(), 0.0));
  }
  std::vector<ProbeScore> scores;
  auto sum = sums.begin();
  for (const auto& probe : probes) {
    if (scores.empty() || scores.back().ability != probe.ability) scores.push_back({probe.ability});
    const auto first_wrong = sum + 1, end = first_wrong + static_cast<std::ptrdiff_t>(probe.wrong.size());
    scores.back().total += 1;
    scores.back().right += std::all_of(first_wrong, end, [&](double wrong) { return *sum > wrong; });
    sum = end;
  }
  return scores;
}

}  // namespace slm
