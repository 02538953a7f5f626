#include "generation/generate.h"

#include <algorithm>

#include "core/error.h"
#include "generation/generate_tokens.h"
#include "generation/text_stream.h"

namespace slm {
namespace {

// One text that is growing.
class GrowingText {
 public:
  GrowingText(const Tokenizer& tokenizer, const GenerationSettings& settings)
      : tokenizer_(tokenizer), settings_(settings), stream_(settings.stop) {}

  // Takes the next token; returns what may be shown now.
  std::string push(int32_t id) {
    generation_.ids.push_back(id);
    const auto& ends = settings_.end_of_text;
    if (std::find(ends.begin(), ends.end(), id) != ends.end()) {
      generation_.reason = FinishReason::kEndOfText;
    } else if (id < tokenizer_.vocab_size()) {
      // A model may have more outputs than the tokenizer has tokens; such an id stands for no text.
      return shown(stream_.push(tokenizer_.token_bytes(id)));
    }
    return {};
  }

  bool ended() const { return generation_.reason != FinishReason::kLength; }
  std::string finish() { return shown(stream_.finish()); }
  Generation& generation() { return generation_; }

 private:
  std::string shown(std::string text) {
    generation_.text += text;
    if (stream_.stopped()) generation_.reason = FinishReason::kStop;
    return text;
  }

  const Tokenizer& tokenizer_;
  const GenerationSettings& settings_;
  TextStream stream_;
  Generation generation_;
};

}  // namespace

std::string_view name_of(FinishReason reason) {
  if (reason == FinishReason::kStop) return "stop";
  return reason == FinishReason::kEndOfText ? "end_of_text" : "length";
}

std::vector<int32_t> encode_prompt(const Tokenizer& tokenizer, std::string_view prompt, std::string_view origin) {
  auto ids = tokenizer.encode(prompt, origin, {.recognize_special = true, .add_special = true});
  if (ids.empty()) fail(ExitCode::kUsage, "{}: the prompt is empty; expected at least one character", origin);
  return ids;
}

std::vector<Generation> generate_texts(Transformer& model, const Tokenizer& tokenizer,
                                       std::span<const std::vector<int32_t>> prompts,
                                       const GenerationSettings& settings,
                                       const std::function<void(size_t, std::string_view)>& on_text) {
  std::vector<GrowingText> texts(prompts.size(), GrowingText(tokenizer, settings));
  const auto show = [&](size_t row, const std::string& text) {
    if (on_text && !text.empty()) on_text(row, text);
  };
  const DrawSettings draw{.count = settings.max_tokens, .sampling = settings.sampling, .kv_cache = settings.kv_cache};
  generate_tokens(model, prompts, draw, [&](size_t row, int32_t id) {
    show(row, texts[row].push(id));
    return !texts[row].ended();
  });
  std::vector<Generation> results;
  for (size_t row = 0; row < texts.size(); ++row) {
    show(row, texts[row].finish());
    results.push_back(std::move(texts[row].generation()));
  }
  return results;
}

}  // namespace slm
