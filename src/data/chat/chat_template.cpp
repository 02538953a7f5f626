#include "data/chat/chat_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace slm {
namespace {

std::optional<int32_t> find_special(const Tokenizer& tokenizer, std::string_view name) {
  for (auto id = static_cast<int32_t>(tokenizer.vocab_size()); id-- > 0;) {  // they stand last, as a rule
    if (tokenizer.is_special(id) && tokenizer.token_bytes(id) == name) return id;
  }
  return std::nullopt;
}

std::string header_of(Role role) { return fmt::format("{}\n", name_of(role)); }

// Tokens of one conversation, one message after the other.
class ConversationEncoder {
 public:
  ConversationEncoder(const Tokenizer& tokenizer, const ChatTokens& tokens, std::string_view origin)
      : tokenizer_(tokenizer), tokens_(tokens), origin_(origin), line_end_(tokenizer.encode("\n", origin)) {}

  void add(const Message& message) {
    const std::string header = header_of(message.role);
    encoded_.ids.push_back(tokens_.begin);
    // Header and content in one piece, as transformers sees them: its tokens may span both.
    const auto ids = encode_content(header + message.content, message.content);
    if (message.role == Role::kAssistant) {
      const auto header_ids = tokenizer_.encode(header, origin_);
      const auto content = std::mismatch(header_ids.begin(), header_ids.end(), ids.begin(), ids.end()).second;
      skip_to(size() + (content - ids.begin()));
    }
    append(ids);
    encoded_.ids.push_back(tokens_.end);
    if (message.role == Role::kAssistant) learned_ = size();
    append(line_end_);
    ++index_;
  }

  void begin_answer() {
    encoded_.ids.push_back(tokens_.begin);
    append(tokenizer_.encode(header_of(Role::kAssistant), origin_));
  }

  EncodedConversation take() {
    skip_to(size());
    return std::move(encoded_);
  }

 private:
  int64_t size() const { return static_cast<int64_t>(encoded_.ids.size()); }
  void append(const std::vector<int32_t>& ids) { encoded_.ids.insert(encoded_.ids.end(), ids.begin(), ids.end()); }

  // What stands between the last scored token and `place` is not learned.
  void skip_to(int64_t place) { encoded_.unscored.push_back({learned_, place}); }

  std::vector<int32_t> encode_content(const std::string& text, const std::string& content) const {
    const std::string place = fmt::format("{}: messages[{}].content", origin_, index_);
    try {
      return tokenizer_.encode(text, place);
    } catch (const Error&) {
      tokenizer_.encode(content, place);  // where its own text counts lines and columns
      throw;
    }
  }

  const Tokenizer& tokenizer_;
  const ChatTokens tokens_;
  const std::string_view origin_;
  const std::vector<int32_t> line_end_;
  EncodedConversation encoded_;
  int64_t learned_ = 0;  // behind the last scored token
  size_t index_ = 0;     // of the next message
};

}  // namespace

std::optional<ChatTokens> find_chat_tokens(const Tokenizer& tokenizer) {
  const auto begin = find_special(tokenizer, ChatTokens::kBegin), end = find_special(tokenizer, ChatTokens::kEnd);
  if (!begin || !end) return std::nullopt;
  return ChatTokens{*begin, *end};
}

ChatTokens need_chat_tokens(const Tokenizer& tokenizer, std::string_view origin) {
  if (const auto tokens = find_chat_tokens(tokenizer)) return *tokens;
  fail(
      ExitCode::kData,
      "{}: the tokenizer has no special tokens {} and {}, so this is no model that was trained on conversations; train "
      "it on a .jsonl with messages first",
      origin, ChatTokens::kBegin, ChatTokens::kEnd);
}

std::shared_ptr<const Tokenizer> with_chat_tokens(const std::shared_ptr<const Tokenizer>& tokenizer) {
  std::vector<std::string> missing;
  for (const auto name : {ChatTokens::kBegin, ChatTokens::kEnd}) {
    if (!find_special(*tokenizer, name)) missing.emplace_back(name);
  }
  return missing.empty() ? tokenizer : add_special_tokens(*tokenizer, missing);
}

EncodedConversation encode_conversation(const Conversation& conversation, const Tokenizer& tokenizer,
                                        const ChatTokens& tokens, std::string_view origin) {
  ConversationEncoder encoder(tokenizer, tokens, origin);
  for (const Message& message : conversation) encoder.add(message);
  return encoder.take();
}

std::vector<int32_t> encode_chat_prompt(std::span<const Message> messages, const Tokenizer& tokenizer,
                                        const ChatTokens& tokens, std::string_view origin) {
  ConversationEncoder encoder(tokenizer, tokens, origin);
  for (const Message& message : messages) encoder.add(message);
  encoder.begin_answer();
  return encoder.take().ids;
}

std::optional<std::string> read_chat_template(const std::filesystem::path& folder) {
  if (const auto file = folder / "chat_template.jinja"; std::filesystem::exists(file)) return read_file(file);
  const auto path = folder / "tokenizer_config.json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  const auto json = parse_json(read_file(path), path.string());
  const auto found = json.find("chat_template");
  if (found == json.end() || found->is_null()) return std::nullopt;
  return found->is_string() ? found->get<std::string>() : found->dump();  // a list of several
}

std::string_view chat_template_text() { return "system\nuser\nassistant\n"; }

}  // namespace slm
