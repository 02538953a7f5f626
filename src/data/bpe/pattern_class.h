// Classes of characters in the patterns of a tokenizer.json, evaluated with our own Unicode tables.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "data/unicode/code_point_set.h"

namespace slm {

/// Reads a pattern from `at` on; the position moves behind what has been read.
struct PatternReader {
  std::string_view pattern;
  size_t at = 0;
  std::string where;  // begins the message of an error

  bool done() const { return at >= pattern.size(); }
  bool starts_with(std::string_view text) const { return pattern.substr(at).starts_with(text); }
  /// Error (kData) about what stands at `at`.
  [[noreturn]] void refuse(std::string_view why) const;
};

/// A class as PCRE2 spells it with explicit ranges: a class of PCRE2's own would follow the Unicode version that PCRE2
/// has. Negation stays a [^...], so that it is what is left when case does not matter.
std::string spell_class(const CodePointSet& members, bool negated);

/// At a backslash: the class behind it (\s \d \w \p{...} and their negations); nothing where it is no class.
std::optional<CodePointSet> read_class_escape(PatternReader& reader);

/// At a backslash that begins no class: the character it stands for (\n, \x41, \u00E9, \., ...).
char32_t read_character_escape(PatternReader& reader);

/// At a '[': the whole class, in PCRE2's spelling. Nested classes are joined.
std::string read_bracket_class(PatternReader& reader);

}  // namespace slm
