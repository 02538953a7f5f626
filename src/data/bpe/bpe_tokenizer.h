// Byte-level BPE as a tokenizer.json describes it: added tokens, normalizer, pre-tokenizer, merges, template.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/bpe/added_tokens.h"
#include "data/bpe/bpe_model.h"
#include "data/bpe/normalizer.h"
#include "data/bpe/post_processor.h"
#include "data/bpe/pre_tokenizer.h"
#include "data/bpe/scratch_pool.h"
#include "data/tokenizer.h"

namespace slm {

struct BpeTokenizerParts {
  BpeModelParts model;
  std::vector<AddedToken> added_tokens;  // in the order of their ids
  Normalizer normalizer;
  std::unique_ptr<const PreTokenizer> pre_tokenizer;
  PostProcessor post_processor;
  ByteLevelKeys decoder;
};

/// Gives the ids of Hugging Face's `tokenizers` for any text in UTF-8. Of other text each byte that is not UTF-8 is a
/// piece of its own. Safe from several threads.
class BpeTokenizer final : public Tokenizer {
 public:
  explicit BpeTokenizer(BpeTokenizerParts parts);

  /// From the parsed content of tokenizer.json; `origin` (its path) begins the message of an Error (kData), which names
  /// the key that is wrong or that slm does not do.
  static std::shared_ptr<const BpeTokenizer> from_json(const nlohmann::json& json, const std::string& origin);

  int64_t vocab_size() const override { return static_cast<int64_t>(model_.parts().tokens.size()); }
  std::string_view token_bytes(int32_t id) const override;
  size_t safe_cut(std::string_view text) const override;
  bool is_special(int32_t id) const override;
  std::optional<int32_t> begin_of_text() const override { return begin_of_text_; }
  std::optional<int32_t> end_of_text() const override { return end_of_text_; }
  std::string to_json() const override;

 private:
  std::vector<int32_t> encode_text(std::string_view text, std::string_view origin,
                                   const EncodeOptions& options) const override;
  std::vector<TextSection> cut(std::string_view text, std::string_view origin, bool recognize_special,
                               std::deque<std::string>& storage) const;
  void encode_sections(std::span<const TextSection> sections, std::vector<int32_t>& ids) const;
  void encode_in_parallel(std::span<const TextSection> sections, int threads, std::vector<int32_t>& ids) const;
  void refuse_missing_bytes(std::string_view section, std::string_view text, std::string_view origin) const;
  std::string make_json() const;

  AddedTokens added_tokens_;
  std::unique_ptr<const PreTokenizer> pre_tokenizer_;
  PostProcessor post_processor_;
  ByteLevelKeys decoder_;
  BpeModel model_;
  bool has_every_byte_;
  std::optional<int32_t> begin_of_text_, end_of_text_;
  mutable ScratchPool scratches_;
  mutable std::once_flag json_made_;
  mutable std::string json_;
};

}  // namespace slm
