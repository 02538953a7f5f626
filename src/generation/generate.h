// Continuing texts: prompts in, text out, ended by a stop string, an end-of-text token or a number of tokens.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer.h"
#include "generation/sampler.h"
#include "model/kv_cache.h"
#include "model/transformer.h"

namespace slm {

struct GenerationSettings {
  int64_t max_tokens = 200;
  SamplingSettings sampling;
  std::vector<std::string> stop;     // the text ends before the first of them
  std::vector<int64_t> end_of_text;  // ids that end the text and stand for none
  KvCacheKind kv_cache = KvCacheKind::kFloat;
};

enum class FinishReason { kLength, kStop, kEndOfText };

/// length, stop or end_of_text
std::string_view name_of(FinishReason reason);

struct Generation {
  std::vector<int32_t> ids;  // everything drawn, without the prompt
  std::string text;          // without the prompt, the stop string and the end of text
  FinishReason reason = FinishReason::kLength;
};

/// A prompt's ids, those of special tokens' names and of the tokenizer's template among them, as `transformers` gives
/// them. Error (kData), beginning with `origin`, where the tokenizer lacks a character; kUsage where there is no id.
std::vector<int32_t> encode_prompt(const Tokenizer& tokenizer, std::string_view prompt, std::string_view origin);

/// Continues prompts (not empty) side by side. `on_text` is told of each row's text as it grows, whole characters only.
std::vector<Generation> generate_texts(Transformer& model, const Tokenizer& tokenizer,
                                       std::span<const std::vector<int32_t>> prompts,
                                       const GenerationSettings& settings,
                                       const std::function<void(size_t row, std::string_view)>& on_text = {});

}  // namespace slm
