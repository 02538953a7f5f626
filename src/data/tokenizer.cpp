#include "data/tokenizer.h"

#include "core/file.h"
#include "core/json.h"
#include "core/sha256.h"
#include "data/bpe/bpe_tokenizer.h"
#include "data/bpe/model_json.h"
#include "data/char_tokenizer.h"
#include "data/chat/chat_template.h"

namespace slm {
namespace {

using Json = nlohmann::json;

// Character tokenizers cut no text into pieces and join the tokens as they are.
bool is_character_tokenizer(const Json& json) {
  if (!json.is_object()) return false;
  const auto of_type = [&](const char* key, const char* type) {
    return json.contains(key) && json[key].is_object() && json[key].contains("type") && json[key]["type"] == type;
  };
  return of_type("decoder", "Fuse") || !(json.contains("pre_tokenizer") && json["pre_tokenizer"].is_object());
}

std::shared_ptr<const Tokenizer> parse_tokenizer(const Json& json, const std::string& origin) {
  if (!is_character_tokenizer(json)) return BpeTokenizer::from_json(json, origin);
  return std::make_shared<CharTokenizer>(CharTokenizer::from_json(json, origin));
}

}  // namespace

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string text;
  for (const int32_t id : ids) text += token_bytes(id);
  return text;
}

std::string Tokenizer::hash() const { return sha256_hex(to_json()); }

std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& path) {
  const std::string origin = path.string();
  return parse_tokenizer(parse_json(read_file(path), origin), origin);
}

std::shared_ptr<const Tokenizer> add_special_tokens(const Tokenizer& tokenizer, std::span<const std::string> names) {
  Json json = parse_json(tokenizer.to_json(), "tokenizer.json");
  auto id = static_cast<int32_t>(tokenizer.vocab_size());
  for (const std::string& name : names) {
    json["added_tokens"].push_back(Json(added_token_json({.id = id++, .content = name, .special = true})));
  }
  return parse_tokenizer(json, "tokenizer.json");
}

std::string tokenizer_config_json(const Tokenizer& tokenizer, int64_t model_max_length) {
  // Some versions of transformers tidy spaces before punctuation on decoding unless they are told not to.
  nlohmann::ordered_json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                                   {"model_max_length", model_max_length},
                                   {"clean_up_tokenization_spaces", false}};
  if (const auto id = tokenizer.begin_of_text()) config["bos_token"] = tokenizer.token_bytes(*id);
  const auto chat = find_chat_tokens(tokenizer);
  if (const auto id = tokenizer.end_of_text()) {
    config["eos_token"] = tokenizer.token_bytes(*id);
  } else if (chat) {
    config["eos_token"] = ChatTokens::kEnd;
  }
  if (chat) config["chat_template"] = kChatTemplate;
  return config.dump(2);
}

std::vector<int32_t> token_byte_counts(const Tokenizer& tokenizer) {
  std::vector<int32_t> counts(static_cast<size_t>(tokenizer.vocab_size()));
  for (size_t id = 0; id < counts.size(); ++id) {
    const auto token = static_cast<int32_t>(id);
    if (!tokenizer.is_special(token)) counts[id] = static_cast<int32_t>(tokenizer.token_bytes(token).size());
  }
  if (const auto end = tokenizer.end_of_text()) counts[static_cast<size_t>(*end)] = 0;
  return counts;
}

}  // namespace slm
