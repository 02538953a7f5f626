// to_pcre2. Oniguruma's syntax (its documentation: doc/RE) and PCRE2's (pcre2pattern) agree on most; here is the rest.
#include <fmt/format.h>

#include <array>

#include "core/error.h"
#include "data/bpe/pattern.h"
#include "data/bpe/pattern_class.h"
#include "data/unicode/properties.h"
#include "data/utf8.h"

namespace slm {
namespace {

// \b and \B by what \w is here.
std::string word_boundary(bool is_boundary) {
  const std::string word = spell_class(unicode::word(), false);
  const std::string_view same = is_boundary ? "!" : "=", other = is_boundary ? "=" : "!";
  return fmt::format("(?:(?<={0})(?{1}{0})|(?<!{0})(?{2}{0}))", word, same, other);
}

std::string read_escape(PatternReader& reader) {
  for (const std::string_view anchor : {"\\A", "\\z", "\\Z"}) {
    if (!reader.starts_with(anchor)) continue;
    reader.at += anchor.size();
    return std::string(anchor);
  }
  if (reader.starts_with("\\b") || reader.starts_with("\\B")) {
    reader.at += 2;
    return word_boundary(reader.pattern[reader.at - 1] == 'b');
  }
  const char name = reader.pattern.size() > reader.at + 1 ? reader.pattern[reader.at + 1] : '\0';
  if (const auto members = read_class_escape(reader)) {
    // \S as [^...] and not as the complement's ranges: see spell_class.
    const bool negated = name == 'S' || name == 'D' || name == 'W' || name == 'P';
    return spell_class(negated ? members->complement() : *members, negated);
  }
  CodePointSet character;
  const char32_t code_point = read_character_escape(reader);
  character.add({code_point, code_point});
  return spell_class(character, false);
}

std::string read_group(PatternReader& reader) {
  constexpr std::array<std::string_view, 8> kGroups = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?-i:"};
  for (const std::string_view group : kGroups) {
    if (!reader.starts_with(group)) continue;
    reader.at += group.size();
    return std::string(group);
  }
  // Further on, Oniguruma lets it end with its alternative's group.
  if (reader.starts_with("(?i)") && reader.at == 0) {
    reader.at += 4;
    return "(?i)";
  }
  if (reader.starts_with("(?") || reader.starts_with("(*")) {
    reader.refuse("slm knows the groups (...) (?:...) (?=...) (?!...) (?<=...) (?<!...) (?>...) (?i:...)");
  }
  ++reader.at;
  return "(";
}

// The digits at `at`, which moves behind them.
std::string_view read_digits(const PatternReader& reader, size_t& at) {
  const size_t begin = at;
  while (at < reader.pattern.size() && reader.pattern[at] >= '0' && reader.pattern[at] <= '9') ++at;
  return reader.pattern.substr(begin, at - begin);
}

// {n}, {n,}, {,m} and {n,m} repeat; any other brace stands for itself.
std::string read_brace(PatternReader& reader) {
  size_t at = reader.at + 1;
  const std::string_view least = read_digits(reader, at);
  const bool has_comma = reader.pattern.substr(at).starts_with(",");
  if (has_comma) ++at;
  const std::string_view most = has_comma ? read_digits(reader, at) : least;
  if (!reader.pattern.substr(at).starts_with("}") || (least.empty() && most.empty())) {
    ++reader.at;
    return "\\{";
  }
  const std::string_view behind = reader.pattern.substr(at + 1);
  if (behind.starts_with("+") || (!has_comma && behind.starts_with("?"))) {
    reader.refuse("a repetition of a repetition; put the inner one into (?:...)");
  }
  reader.at = at + 1;
  return fmt::format("{{{}{}{}}}", least.empty() ? "0" : least, has_comma ? "," : "", has_comma ? most : "");
}

std::string read_element(PatternReader& reader) {
  switch (reader.pattern[reader.at]) {
    case '\\':
      return read_escape(reader);
    case '[':
      return read_bracket_class(reader);
    case '(':
      return read_group(reader);
    case '{':
      return read_brace(reader);
    default:
      return std::string(1, reader.pattern[reader.at++]);
  }
}

}  // namespace

std::string to_pcre2(std::string_view pattern, const std::string& where) {
  PatternReader reader{pattern, 0, where};
  if (pattern.empty()) reader.refuse("an empty pattern");
  for (size_t at = 0; at < pattern.size();) {
    const Utf8Character character = decode_utf8(pattern, at);
    if (character.kind != Utf8Character::Kind::kValid) fail(ExitCode::kData, "{}: not UTF-8 at byte {}", where, at);
    at += character.length;
  }
  std::string spelled;
  while (!reader.done()) spelled += read_element(reader);
  return spelled;
}

}  // namespace slm
