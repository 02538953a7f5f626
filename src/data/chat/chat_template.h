// How a conversation becomes tokens: ChatML, as Qwen and SmolLM write it.
//
//   <|im_start|>user
//   Hello.<|im_end|>
//   <|im_start|>assistant
//   Good day!<|im_end|>
//
// The loss is on what an assistant writes: its content and the <|im_end|> that ends its turn.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/chat/message.h"
#include "data/token_span.h"
#include "data/tokenizer.h"

namespace slm {

/// The template for transformers' `apply_chat_template`, in Jinja: it gives the ids of encode_conversation, and with
/// `return_assistant_tokens_mask` the scored ones. (But a special token's name in a content stays text here.)
inline constexpr std::string_view kChatTemplate =
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}"
    "{{ '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// The special tokens of the template.
struct ChatTokens {
  static constexpr std::string_view kBegin = "<|im_start|>", kEnd = "<|im_end|>";

  int32_t begin = 0, end = 0;
};

/// Nothing where the tokenizer lacks one of them.
std::optional<ChatTokens> find_chat_tokens(const Tokenizer& tokenizer);

/// Error (kData) that begins with `origin` where the tokenizer lacks one of them.
ChatTokens need_chat_tokens(const Tokenizer& tokenizer, std::string_view origin);

/// The tokenizer with both; those that it lacked are its last ids.
std::shared_ptr<const Tokenizer> with_chat_tokens(const std::shared_ptr<const Tokenizer>& tokenizer);

/// A conversation's ids, and where among them nothing is to be learned (ascending, not empty).
struct EncodedConversation {
  std::vector<int32_t> ids;
  std::vector<TokenSpan> unscored;
};

/// Error (kData) as of Tokenizer::encode; `origin` is the conversation's file:line.
EncodedConversation encode_conversation(const Conversation& conversation, const Tokenizer& tokenizer,
                                        const ChatTokens& tokens, std::string_view origin);

/// What a model continues with the assistant's next message: `messages`, which may end with any role, and behind them
/// the beginning of the assistant's turn.
std::vector<int32_t> encode_chat_prompt(std::span<const Message> messages, const Tokenizer& tokenizer,
                                        const ChatTokens& tokens, std::string_view origin);

/// The template of a Hugging Face folder (tokenizer_config.json or chat_template.jinja); nothing where it has none.
std::optional<std::string> read_chat_template(const std::filesystem::path& folder);

/// The texts that the tokenizer gets to see of any conversation, beside the contents: a character tokenizer must hold
/// their characters.
std::string_view chat_template_text();

}  // namespace slm
