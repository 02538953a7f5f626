#include "generation/chat_session.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace slm {

ChatSession::ChatSession(Transformer& model, const Tokenizer& tokenizer, ChatSettings settings, std::string_view origin)
    : model_(model),
      tokenizer_(tokenizer),
      settings_(std::move(settings)),
      tokens_(need_chat_tokens(tokenizer, origin)) {
  settings_.generation.end_of_text.push_back(tokens_.end);
  reset();
}

void ChatSession::reset() {
  history_.clear();
  answers_ = 0;
  if (settings_.system) history_.push_back({Role::kSystem, *settings_.system});
}

std::vector<int32_t> ChatSession::encode(const std::vector<Message>& messages) const {
  return encode_chat_prompt(messages, tokenizer_, tokens_, "chat");
}

std::vector<int32_t> ChatSession::fit_prompt(std::vector<Message>& messages) const {
  const int64_t window = model_.config().max_sequence_length;
  const int64_t kept_free = std::min(settings_.generation.max_tokens, std::max<int64_t>(1, window / 4));
  const auto oldest = messages.begin() + (settings_.system ? 1 : 0);
  auto prompt = encode(messages);
  while (static_cast<int64_t>(prompt.size()) + kept_free > window && messages.end() - oldest > 1) {
    messages.erase(oldest, oldest + 2);
    prompt = encode(messages);
  }
  if (static_cast<int64_t>(prompt.size()) > window) {
    fail(ExitCode::kData, "the message has {} tokens, with the marks of its turn{}; the model sees {}: say less",
         prompt.size(), settings_.system ? " and the system message" : "", window);
  }
  return prompt;
}

ChatAnswer ChatSession::answer(const std::string& text, const std::function<void(std::string_view)>& on_text) {
  auto messages = history_;
  messages.push_back({Role::kUser, text});
  const size_t all = messages.size();
  const auto prompt = fit_prompt(messages);
  ChatAnswer answer{
      .generation = {}, .forgotten = all - messages.size(), .prompt_tokens = static_cast<int64_t>(prompt.size())};
  auto settings = settings_.generation;
  // The last token that is drawn need not be read.
  settings.max_tokens = std::min(settings.max_tokens, model_.config().max_sequence_length - answer.prompt_tokens + 1);
  settings.sampling.first_row = answers_++;
  auto texts = generate_texts(model_, tokenizer_, {&prompt, 1}, settings, [&](size_t, std::string_view piece) {
    if (on_text) on_text(piece);
  });
  answer.generation = std::move(texts[0]);
  answer.window_full =
      answer.generation.reason == FinishReason::kLength && settings.max_tokens < settings_.generation.max_tokens;
  messages.push_back({Role::kAssistant, answer.generation.text});
  history_ = std::move(messages);
  return answer;
}

}  // namespace slm
