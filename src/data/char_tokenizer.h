// One token a character.
#pragma once

#include <array>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <unordered_map>

#include "data/tokenizer.h"

namespace slm {

/// Each Unicode code point of the vocabulary is a token. Stands in tokenizer.json as a BPE without merges and a Fuse
/// decoder: such a BPE splits into characters, and Hugging Face loads it. Special tokens stand behind the characters.
class CharTokenizer final : public Tokenizer {
 public:
  /// Ids follow the order of the code points. `code_points` must not be empty.
  explicit CharTokenizer(const std::set<char32_t>& code_points);

  /// From the parsed content of tokenizer.json; `origin` (its path) begins the message of an Error (kData).
  static CharTokenizer from_json(const nlohmann::json& json, const std::string& origin);

  int64_t vocab_size() const override { return static_cast<int64_t>(pieces_.size()); }
  std::string_view token_bytes(int32_t id) const override;
  bool is_special(int32_t id) const override { return id >= characters_ && id < vocab_size(); }
  std::string to_json() const override;
  size_t safe_cut(std::string_view text) const override;

 private:
  static constexpr int32_t kMissing = -1;

  CharTokenizer() { ascii_.fill(kMissing); }
  void add(char32_t code_point);
  std::optional<int32_t> special_token_at(std::string_view text) const;
  void append_characters(std::string_view text, size_t begin, std::string_view origin, std::vector<int32_t>& ids) const;
  int32_t id_of(char32_t code_point) const;
  std::vector<int32_t> encode_text(std::string_view text, std::string_view origin,
                                   const EncodeOptions& options) const override;

  std::vector<std::string> pieces_;  // UTF-8, by id
  int32_t characters_ = 0;           // the first ids; special tokens follow
  std::array<int32_t, 128> ascii_;
  std::unordered_map<char32_t, int32_t> others_;
};

/// Which characters texts hold.
class CharacterSet {
 public:
  CharacterSet();
  /// Error (kData) at a byte that is not UTF-8.
  void add(std::string_view text, std::string_view origin);
  std::set<char32_t> code_points() const;

 private:
  std::vector<uint64_t> seen_;  // a bit for every code point
};

}  // namespace slm
