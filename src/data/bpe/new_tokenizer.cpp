#include "data/bpe/new_tokenizer.h"

#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/error.h"

namespace slm {
namespace {

std::vector<BpeMerge> find_results(const BpeVocabulary& vocabulary) {
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = vocabulary.special.size(); id < vocabulary.tokens.size(); ++id) {
    ids.emplace(vocabulary.tokens[id], static_cast<int32_t>(id));
  }
  std::vector<BpeMerge> merges;
  for (const auto& [left, right] : vocabulary.merges) {
    const auto text = vocabulary.tokens[static_cast<size_t>(left)] + vocabulary.tokens[static_cast<size_t>(right)];
    const auto result = ids.find(text);
    SLM_CHECK(result != ids.end());
    merges.push_back({left, right, result->second});
  }
  return merges;
}

}  // namespace

std::shared_ptr<const BpeTokenizer> make_bpe_tokenizer(BpeVocabulary vocabulary) {
  BpeTokenizerParts parts;
  for (size_t i = 0; i < vocabulary.special.size(); ++i) {
    parts.added_tokens.push_back(
        {.id = static_cast<int32_t>(i), .content = vocabulary.special[i], .normalized = false, .special = true});
  }
  parts.model.merges = find_results(vocabulary);
  parts.model.vocabulary_size = vocabulary.tokens.size();
  parts.model.literal.assign(vocabulary.tokens.size(), false);
  std::fill_n(parts.model.literal.begin(), vocabulary.special.size(), true);
  parts.model.tokens = std::move(vocabulary.tokens);
  parts.pre_tokenizer = gpt2_pre_tokenizer();
  return std::make_shared<const BpeTokenizer>(std::move(parts));
}

}  // namespace slm
