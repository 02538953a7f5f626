// A conversation with a model: the history, and what of it fits into the model's window.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/chat/chat_template.h"
#include "data/chat/message.h"
#include "generation/generate.h"

namespace slm {

struct ChatSettings {
  GenerationSettings generation;  // the end of a turn ends an answer too; `first_row` is chosen here
  std::optional<std::string> system;
};

struct ChatAnswer {
  Generation generation;
  bool window_full = false;   // it ended because the model sees no more tokens
  size_t forgotten = 0;       // messages that no longer fit, the oldest, and were dropped
  int64_t prompt_tokens = 0;  // that the answer was drawn after
};

class ChatSession {
 public:
  /// Error (kData) that begins with `origin` where the tokenizer lacks the tokens of the chat template.
  ChatSession(Transformer& model, const Tokenizer& tokenizer, ChatSettings settings, std::string_view origin);

  /// The model's answer to the next message; `on_text` hears it as it grows. The oldest messages are dropped, question
  /// and answer together, until a quarter of the window (or max_tokens, where that is less) is left for the answer; of
  /// a single long message less. Equal settings and messages give equal answers, from the beginning or a `reset` on.
  /// Error (kData), and the message is not taken, where it alone does not fit or holds what the tokenizer lacks.
  ChatAnswer answer(const std::string& text, const std::function<void(std::string_view)>& on_text = {});

  /// Forgets everything but the system message.
  void reset();

  /// The system message and what has not been forgotten.
  const std::vector<Message>& history() const { return history_; }

 private:
  std::vector<int32_t> fit_prompt(std::vector<Message>& messages) const;
  std::vector<int32_t> encode(const std::vector<Message>& messages) const;

  Transformer& model_;
  const Tokenizer& tokenizer_;
  ChatSettings settings_;
  ChatTokens tokens_;
  std::vector<Message> history_;
  uint64_t answers_ = 0;  // since the beginning
};

}  // namespace slm
