#include "data/tokenizer.h"

#include "core/file.h"
#include "core/json.h"
#include "core/sha256.h"
#include "data/char_tokenizer.h"

namespace slm {

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string text;
  for (const int32_t id : ids) text += token_bytes(id);
  return text;
}

std::string Tokenizer::hash() const { return sha256_hex(to_json()); }

std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& path) {
  const std::string origin = path.string();
  return std::make_shared<CharTokenizer>(CharTokenizer::from_json(parse_json(read_file(path), origin), origin));
}

std::string tokenizer_config_json(int64_t model_max_length) {
  // Some versions of transformers tidy spaces before punctuation on decoding unless they are told not to.
  const nlohmann::ordered_json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                                         {"model_max_length", model_max_length},
                                         {"clean_up_tokenization_spaces", false}};
  return config.dump(2);
}

std::vector<int32_t> token_byte_counts(const Tokenizer& tokenizer) {
  std::vector<int32_t> counts(static_cast<size_t>(tokenizer.vocab_size()));
  for (size_t id = 0; id < counts.size(); ++id) {
    counts[id] = static_cast<int32_t>(tokenizer.token_bytes(static_cast<int32_t>(id)).size());
  }
  if (const auto end = tokenizer.end_of_text()) counts[static_cast<size_t>(*end)] = 0;
  return counts;
}

}  // namespace slm
