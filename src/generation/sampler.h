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
  // Logits of tokens that the text holds already become smaller: divided by this where above 0, else multiplied by it
  // (Keskar et al. 2019, arXiv:1909.05858). 1: as they are.
  double repetition_penalty = 1.0;
  uint64_t seed = 0;
  uint64_t first_row = 0;  // of a batch: each row draws from a stream of its own, keyed by seed and row
};

/// The likeliest token; the smallest id among equals.
int32_t greedy_token(std::span<const float> logits);

/// Probabilities after temperature, top-k and top-p, in float64; those left out have 0. temperature > 0.
std::vector<double> sampling_distribution(std::span<const float> logits, const SamplingSettings& settings);

/// Applies the repetition penalty to the logits of the ids that `context` holds, each once.
void penalize_repetition(std::span<float> logits, std::span<const int32_t> context, double penalty);

/// Draws tokens one after the other.
class Sampler {
 public:
  /// Equal settings and rows draw the same.
  explicit Sampler(const SamplingSettings& settings, uint64_t row = 0);

  /// `context` is the text so far, prompt and drawn tokens, for the repetition penalty.
  int32_t next(std::span<const float> logits, std::span<const int32_t> context = {});

 private:
  int32_t draw(std::span<const float> logits);

  SamplingSettings settings_;
  RngStream stream_;
};

}  // namespace slm
