#include "generation/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace slm {

int32_t greedy_token(std::span<const float> logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

std::vector<double> sampling_distribution(std::span<const float> logits, const SamplingSettings& settings) {
  SLM_CHECK(settings.temperature > 0 && !logits.empty());
  const size_t size = logits.size();
  std::vector<int32_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  const size_t kept = settings.top_k > 0 ? std::min(size, static_cast<size_t>(settings.top_k)) : size;

  std::vector<double> probabilities(size, 0.0);
  double sum = 0;
  for (size_t i = 0; i < kept; ++i) {
    const double above = static_cast<double>(logits[order[i]]) - logits[order[0]];
    sum += probabilities[order[i]] = std::exp(above / settings.temperature);
  }
  double mass = 0, kept_mass = 0;
  for (size_t i = 0; i < kept; ++i) {
    auto& probability = probabilities[order[i]];
    const double share = probability / sum;
    probability = i == 0 || mass < settings.top_p ? share : 0.0;  // the token that reaches top_p still counts
    mass += share;
    kept_mass += probability;
  }
  for (auto& probability : probabilities) probability /= kept_mass;
  return probabilities;
}

void penalize_repetition(std::span<float> logits, std::span<const int32_t> context, double penalty) {
  const auto factor = static_cast<float>(penalty);
  std::vector<bool> done(logits.size());
  for (const int32_t id : context) {
    const auto place = static_cast<size_t>(id);
    if (place >= logits.size() || done[place]) continue;
    done[place] = true;
    auto& logit = logits[place];
    logit = logit < 0 ? logit * factor : logit / factor;
  }
}

Sampler::Sampler(const SamplingSettings& settings, uint64_t row)
    : settings_(settings),
      stream_(derive_key(settings.seed, row == 0 ? "sampling" : fmt::format("sampling row {}", row))) {}

int32_t Sampler::next(std::span<const float> logits, std::span<const int32_t> context) {
  if (settings_.repetition_penalty == 1) return draw(logits);
  std::vector<float> penalized(logits.begin(), logits.end());
  penalize_repetition(penalized, context, settings_.repetition_penalty);
  return draw(penalized);
}

int32_t Sampler::draw(std::span<const float> logits) {
  if (settings_.temperature == 0) return greedy_token(logits);
  const auto probabilities = sampling_distribution(logits, settings_);
  double rest = stream_.uniform();
  int32_t last = 0;
  for (size_t id = 0; id < probabilities.size(); ++id) {
    if (probabilities[id] == 0) continue;
    last = static_cast<int32_t>(id);
    rest -= probabilities[id];
    if (rest < 0) break;
  }
  return last;
}

}  // namespace slm
