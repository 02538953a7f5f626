// Choosing the next token from logits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/rng.h"

namespace slm {

struct SamplingSettings {
  double temperature = 1.0;  // 0: always the likeliest token
  int64_t top_k = 0;         // only the k likeliest; 0: all
  double top_p = 1.0;        // only the fewest likeliest that reach this probability together (Holtzman et al. 2020)
  uint64_t seed = 0;
};

/// The likeliest token; the smallest id among equals.
int32_t greedy_token(std::span<const float> logits);

/// Probabilities after temperature, top-k and top-p, in float64; those left out have 0. temperature > 0.
std::vector<double> sampling_distribution(std::span<const float> logits, const SamplingSettings& settings);

/// Draws tokens one after the other.
class Sampler {
 public:
  explicit Sampler(const SamplingSettings& settings)
      : settings_(settings), stream_(derive_key(settings.seed, "sampling")) {}

  int32_t next(std::span<const float> logits);

 private:
  SamplingSettings settings_;
  RngStream stream_;
};

}  // namespace slm
