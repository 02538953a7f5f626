// A regular expression of a tokenizer.json, run by PCRE2.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pcre2_real_code_8;

namespace slm {

/// The pattern of Hugging Face's regex engine (Oniguruma) in PCRE2's spelling: classes become explicit ranges of our
/// Unicode tables, and what the two read differently is written so that it means the same. Error (kData), beginning
/// with `where`, naming the place of what cannot be said in both.
std::string to_pcre2(std::string_view pattern, const std::string& where);

/// A compiled pattern. Immutable, safe from several threads.
class Pattern {
 public:
  struct Match {
    size_t begin, end;
  };

  /// `pattern` as in tokenizer.json. Error (kData), beginning with `where`, if it is no pattern or cannot be used.
  Pattern(std::string_view pattern, std::string where);

  /// The first match that begins at `from` or later; `text` must be valid UTF-8 and `from` the beginning of a
  /// character. Error (kData) where PCRE2 gives up on a pattern that tries too many ways.
  std::optional<Match> find(std::string_view text, size_t from) const;

 private:
  std::string where_;
  std::shared_ptr<pcre2_real_code_8> code_;
};

}  // namespace slm
