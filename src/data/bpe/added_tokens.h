// Tokens that are taken whole out of a text before anything else looks at it, special ones among them.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "data/bpe/normalizer.h"

namespace slm {

/// An entry of tokenizer.json's added_tokens.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool lstrip = false, rstrip = false;  // takes the white space before or behind it along
  bool normalized = false;              // looked for in the normalized text, by its own normalized content
  bool special = false;                 // part of no text, unless the caller wants it recognized there
};

/// A stretch of text, or an added token that stood in it.
struct TextSection {
  static constexpr int32_t kText = -1;

  std::string_view text;  // empty where it was a token
  int32_t token = kText;
};

/// Finds the leftmost token in a text, of those that begin there the longest.
class TokenMatcher {
 public:
  struct Match {
    size_t begin, end;
    int32_t index;  // as given to `add`
  };

  /// Each content once and not empty; `prepare` comes after the last.
  void add(std::string content, int32_t index);
  void prepare();

  /// The first match at or behind `from`; `begin` is npos where there is none.
  Match find(std::string_view text, size_t from) const;

 private:
  struct Entry {
    std::string content;
    int32_t index;
  };

  size_t next_first_byte(std::string_view text, size_t from) const;
  const Entry* longest_at(std::string_view text) const;

  std::vector<Entry> entries_;  // in the order of their bytes
  std::vector<bool> begins_;    // by byte: whether an entry begins with it
  int only_first_byte_ = -1;    // where all entries begin alike
};

class AddedTokens {
 public:
  AddedTokens(std::vector<AddedToken> tokens, Normalizer normalizer);

  const std::vector<AddedToken>& tokens() const { return tokens_; }
  const Normalizer& normalizer() const { return normalizer_; }

  /// Appends the sections of `text`, normalized, in order; no text section is empty. A special token's content is text
  /// like any other unless `recognize_special`. `storage` holds the normalized text that sections view, as long as the
  /// caller needs them; without normalization they view `text`.
  void split(std::string_view text, bool recognize_special, std::vector<TextSection>& sections,
             std::deque<std::string>& storage) const;

 private:
  void split_with(const TokenMatcher& matcher, std::string_view text, bool recognize_special,
                  std::vector<TextSection>& sections) const;

  std::vector<AddedToken> tokens_;
  Normalizer normalizer_;
  TokenMatcher raw_, normalized_;
};

}  // namespace slm
