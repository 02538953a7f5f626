#include "generation/generate.h"

#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "core/error.h"
#include "generation/text_stream.h"

namespace slm {
namespace {

// Reads `ids` into the cache and returns the last one's logits.
at::Tensor next_logits(Transformer& model, std::span<const int32_t> ids, KvCache& cache) {
  std::vector<int64_t> wide(ids.begin(), ids.end());
  const auto input = at::tensor(wide, at::kLong).unsqueeze(0).to(model.device());  // (1, T)
  const auto hidden = model.hidden(input, &cache);                                 // (1, T, C)
  return model.head(hidden.select(1, hidden.size(1) - 1)).squeeze(0);              // (V)
}

std::unique_ptr<KvCache> new_cache(const Transformer& model) {
  const auto& config = model.config();
  return std::make_unique<FloatKvCache>(config.n_layers, 1, config.n_kv_heads, config.head_dim,
                                        config.max_sequence_length, model.device());
}

// The newest half of a full context, or all that fits of a long prompt.
std::span<const int32_t> kept_context(const std::vector<int32_t>& context, int64_t capacity, bool full) {
  const int64_t keep = full ? std::max<int64_t>(1, capacity / 2) : capacity;
  const auto size = static_cast<int64_t>(context.size());
  return std::span(context).subspan(static_cast<size_t>(std::max<int64_t>(0, size - keep)));
}

}  // namespace

void generate_tokens(Transformer& model, std::span<const int32_t> prompt, int64_t count,
                     const SamplingSettings& sampling, const std::function<bool(int32_t)>& on_token) {
  SLM_CHECK(!prompt.empty());
  const c10::InferenceMode inference;
  std::vector<int32_t> context(prompt.begin(), prompt.end());
  auto cache = new_cache(model);
  Sampler sampler(sampling);
  at::Tensor logits;
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0 && cache->length() < cache->capacity()) {
      logits = next_logits(model, std::span(context).last(1), *cache);
    } else {
      const auto kept = kept_context(context, cache->capacity(), i > 0);
      cache = new_cache(model);
      logits = next_logits(model, kept, *cache);
    }
    logits = logits.cpu().contiguous();
    context.push_back(sampler.next({logits.data_ptr<float>(), static_cast<size_t>(logits.numel())}));
    if (!on_token(context.back())) return;
  }
}

Generation generate_text(Transformer& model, const Tokenizer& tokenizer, std::string_view prompt,
                         const GenerationSettings& settings, const std::function<void(std::string_view)>& on_text) {
  const auto ids = tokenizer.encode(prompt, "prompt");
  if (ids.empty()) fail(ExitCode::kUsage, "the prompt is empty; expected at least one character");
  Generation result;
  TextStream stream(settings.stop);
  const auto show = [&](const std::string& text) {
    result.text += text;
    if (on_text && !text.empty()) on_text(text);
  };
  generate_tokens(model, ids, settings.max_tokens, settings.sampling, [&](int32_t id) {
    result.ids.push_back(id);
    // A model may have more outputs than the tokenizer has tokens; such an id stands for no text.
    if (id < tokenizer.vocab_size()) show(stream.push(tokenizer.token_bytes(id)));
    return !stream.stopped();
  });
  show(stream.finish());
  if (stream.stopped()) result.reason = FinishReason::kStop;
  return result;
}

}  // namespace slm
