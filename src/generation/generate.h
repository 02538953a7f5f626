// Continuing a text, token by token, with a key/value cache.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer.h"
#include "generation/sampler.h"
#include "model/transformer.h"

namespace slm {

/// Draws `count` tokens after `prompt` (at least one id), calling `on_token` with each; ends early where it returns
/// false. Where the context is full, the newer half of it is kept and read again.
void generate_tokens(Transformer& model, std::span<const int32_t> prompt, int64_t count,
                     const SamplingSettings& sampling, const std::function<bool(int32_t)>& on_token);

struct GenerationSettings {
  int64_t max_tokens = 200;
  SamplingSettings sampling;
  std::vector<std::string> stop;  // the text ends before the first of them
};

enum class FinishReason { kLength, kStop };

struct Generation {
  std::vector<int32_t> ids;  // without the prompt
  std::string text;          // without the prompt
  FinishReason reason = FinishReason::kLength;
};

/// Continues `prompt` (not empty). `on_text` is told of the text as it grows, whole characters only.
Generation generate_text(Transformer& model, const Tokenizer& tokenizer, std::string_view prompt,
                         const GenerationSettings& settings, const std::function<void(std::string_view)>& on_text = {});

}  // namespace slm
