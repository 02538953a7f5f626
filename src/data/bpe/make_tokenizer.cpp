#include "data/bpe/make_tokenizer.h"

#include <string_view>
#include <unordered_map>

#include "core/error.h"
#include "data/bpe/bpe_tokenizer.h"

namespace slm {
namespace {

std::vector<BpeMerge> merges_of(const BpeVocabulary& vocabulary) {
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = vocabulary.special.size(); id < vocabulary.tokens.size(); ++id) {
    ids.emplace(vocabulary.tokens[id], static_cast<int32_t>(id));
  }
  std::vector<BpeMerge> merges;
  for (const auto& [left, right] : vocabulary.merges) {
    const std::string joined =
        vocabulary.tokens[static_cast<size_t>(left)] + vocabulary.tokens[static_cast<size_t>(right)];
    const auto result = ids.find(joined);
    SLM_CHECK(result != ids.end());
    merges.push_back({left, right, result->second});
  }
  return merges;
}

}  // namespace

std::shared_ptr<const Tokenizer> make_bpe_tokenizer(const BpeVocabulary& vocabulary,
                                                    std::unique_ptr<const PreTokenizer> pre_tokenizer) {
  const ByteLevelKeys offsets{.trim_offsets = false};
  BpeTokenizerParts parts{.model = {.tokens = vocabulary.tokens,
                                    .literal = std::vector<bool>(vocabulary.tokens.size()),
                                    .merges = merges_of(vocabulary),
                                    .vocabulary_size = vocabulary.tokens.size(),
                                    .unk_token = {}},
                          .added_tokens = {},
                          .normalizer = Normalizer(),
                          .pre_tokenizer = std::move(pre_tokenizer),
                          .post_processor = PostProcessor(nlohmann::json(offsets.to_json()), "post_processor", 0),
                          .decoder = {}};
  for (size_t id = 0; id < vocabulary.special.size(); ++id) {
    parts.model.literal[id] = true;
    parts.added_tokens.push_back({.id = static_cast<int32_t>(id), .content = vocabulary.special[id], .special = true});
  }
  return std::make_shared<BpeTokenizer>(std::move(parts));
}

}  // namespace slm
