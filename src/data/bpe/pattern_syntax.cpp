// to_pcre2. Oniguruma's syntax (its documentation: doc/RE) and PCRE2's (pcre2pattern) agree on most; here is the rest.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

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

// A group's opening: what Oniguruma and PCRE2 both read alike.
struct Opening {
  std::string_view text;
  std::optional<bool> any_case;  // whether it sets case to matter or not
};
constexpr std::array<Opening, 9> kOpenings = {{{"(?:", {}},
                                               {"(?=", {}},
                                               {"(?!", {}},
                                               {"(?<=", {}},
                                               {"(?<!", {}},
                                               {"(?>", {}},
                                               {"(?i:", true},
                                               {"(?-i:", false},
                                               {"(", {}}}};

// Whether case matters, group by group.
class CaseScopes {
 public:
  bool any_case() const { return scopes_.back(); }
  void set(bool any_case) { scopes_.back() = any_case; }
  void open(std::optional<bool> any_case) { scopes_.push_back(any_case.value_or(scopes_.back())); }
  // A parenthesis too many is PCRE2's to refuse.
  void close() {
    if (scopes_.size() > 1) scopes_.pop_back();
  }

 private:
  std::vector<bool> scopes_ = {false};
};

// Oniguruma's classes without brackets keep to their case under (?i); those in brackets do not.
std::string spell_lone_class(const CodePointSet& members, bool negated, bool any_case) {
  const std::string spelled = spell_class(members, negated);
  return any_case ? "(?-i:" + spelled + ")" : spelled;
}

std::string read_escape(PatternReader& reader, bool any_case) {
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
  if (const auto members = read_class_escape(reader, false)) {
    const bool negated = name == 'S' || name == 'D' || name == 'W' || name == 'P';
    return spell_lone_class(negated ? members->complement() : *members, negated, any_case);
  }
  CodePointSet character;
  const char32_t code_point = read_character_escape(reader);
  character.add({code_point, code_point});
  return spell_class(character, false);
}

std::string read_opening(PatternReader& reader, CaseScopes& scopes) {
  if (reader.at == 0 && reader.starts_with("(?i)")) {  // further on, Oniguruma gives it another range
    reader.at += 4;
    scopes.set(true);
    return "(?i)";
  }
  for (const auto& [text, any_case] : kOpenings) {
    const bool is_plain = text == "(";
    if (!reader.starts_with(text) || (is_plain && (reader.starts_with("(?") || reader.starts_with("(*")))) continue;
    reader.at += text.size();
    scopes.open(any_case);
    return std::string(text);
  }
  reader.refuse("slm knows the groups (...) (?:...) (?=...) (?!...) (?<=...) (?<!...) (?>...) (?i:...)");
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

std::string read_element(PatternReader& reader, CaseScopes& scopes) {
  switch (reader.pattern[reader.at]) {
    case '\\':
      return read_escape(reader, scopes.any_case());
    case '[':
      return read_bracket_class(reader);
    case '(':
      return read_opening(reader, scopes);
    case '{':
      return read_brace(reader);
    case ')':
      scopes.close();
      break;
  }
  return std::string(1, reader.pattern[reader.at++]);
}

// Where case does not matter, Oniguruma takes a ligature for its letters and PCRE2 does not.
void refuse_ligatures(const PatternReader& reader) {
  if (reader.pattern.find("(?i") == reader.pattern.npos) return;
  for (const std::string_view letters : {"ss", "st", "ff", "fi", "fl"}) {
    const auto equal = [](char a, char b) { return (a | 0x20) == b; };
    const auto found = std::search(reader.pattern.begin(), reader.pattern.end(), letters.begin(), letters.end(), equal);
    if (found != reader.pattern.end()) reader.refuse("(?i) beside ss, st, ff, fi or fl, which also match ligatures");
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
  refuse_ligatures(reader);
  CaseScopes scopes;
  std::string spelled;
  while (!reader.done()) spelled += read_element(reader, scopes);
  return spelled;
}

}  // namespace slm
