#include "data/bpe/pattern_class.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/json.h"
#include "data/unicode/properties.h"
#include "data/utf8.h"

namespace slm {
namespace {

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

int hex_value(char c) {
  if (is_ascii_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Up to `most` hexadecimal digits.
char32_t read_hex(PatternReader& reader, int most) {
  char32_t value = 0;
  int digits = 0;
  for (; digits < most && !reader.done() && hex_value(reader.pattern[reader.at]) >= 0; ++digits) {
    value = value * 16 + static_cast<char32_t>(hex_value(reader.pattern[reader.at++]));
  }
  if (digits == 0) reader.refuse("expected hexadecimal digits");
  if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) reader.refuse("not a Unicode character");
  return value;
}

// Behind \x: two digits, or any number of them in braces.
char32_t read_x_escape(PatternReader& reader) {
  if (!reader.starts_with("{")) {
    const char32_t value = read_hex(reader, 2);
    if (value >= 0x80) reader.refuse("a byte and no character; write \\x{...}");
    return value;
  }
  ++reader.at;
  const char32_t value = read_hex(reader, 6);
  if (!reader.starts_with("}")) reader.refuse("expected a closing brace");
  ++reader.at;
  return value;
}

// At the brace of \p{Name} or \p{^Name}.
CodePointSet read_property(PatternReader& reader) {
  const size_t begin = reader.at;
  const size_t end = reader.pattern.find('}', begin);
  if (!reader.starts_with("{") || end == reader.pattern.npos) reader.refuse("expected \\p{Name}");
  std::string_view name = reader.pattern.substr(begin + 1, end - begin - 1);
  const bool negated = name.starts_with("^");
  if (negated) name.remove_prefix(1);
  const auto found = unicode::property(name);
  if (!found) {
    reader.refuse(
        "slm knows general categories (\\p{L}, \\p{Lu}, ...) and the scripts Han, Hiragana, Katakana, Hangul");
  }
  reader.at = end + 1;
  return negated ? found->complement() : *found;
}

char32_t read_plain_character(PatternReader& reader) {
  const Utf8Character character = decode_utf8(reader.pattern, reader.at);
  reader.at += character.length;
  return character.code_point;
}

char32_t read_character(PatternReader& reader) {
  if (!reader.starts_with("\\")) return read_plain_character(reader);
  if (!reader.starts_with("\\b")) return read_character_escape(reader);
  reader.at += 2;
  return 0x08;
}

// A character or a range of them.
void read_member(PatternReader& reader, CodePointSet& members) {
  const char32_t first = read_character(reader);
  const bool is_range = reader.starts_with("-") && !reader.pattern.substr(reader.at + 1).starts_with("]");
  if (!is_range) return members.add({first, first});
  ++reader.at;
  if (reader.done() || reader.starts_with("[")) reader.refuse("expected the end of a range");
  PatternReader ahead = reader;
  if (reader.starts_with("\\") && read_class_escape(ahead)) reader.refuse("a class cannot end a range");
  const char32_t last = read_character(reader);
  if (last < first) reader.refuse("a range that ends before it begins");
  members.add({first, last});
}

struct BracketClass {
  CodePointSet members;
  bool negated;
};

BracketClass read_bracket(PatternReader& reader) {
  if (reader.starts_with("[:")) reader.refuse("slm knows no POSIX classes; expected \\p{...}");
  ++reader.at;
  BracketClass result{{}, reader.starts_with("^")};
  if (result.negated) ++reader.at;
  if (reader.starts_with("]")) reader.refuse("an empty class");
  while (!reader.starts_with("]")) {
    if (reader.done()) reader.refuse("a class without its ]");
    if (reader.starts_with("&&")) reader.refuse("slm does not intersect classes");
    if (reader.starts_with("[")) {
      const auto [members, negated] = read_bracket(reader);
      result.members.add(negated ? members.complement() : members);
    } else if (const auto escaped = reader.starts_with("\\") ? read_class_escape(reader) : std::nullopt) {
      result.members.add(*escaped);
    } else {
      read_member(reader, result.members);
    }
  }
  ++reader.at;
  return result;
}

}  // namespace

void PatternReader::refuse(std::string_view why) const {
  const std::string_view rest = pattern.substr(std::min(at, pattern.size()));
  fail(ExitCode::kData, "{}: cannot be used from byte {} on, at {}: {}", where, at, quote_json(rest), why);
}

std::string spell_class(const CodePointSet& members, bool negated) {
  if (members.ranges().empty()) return negated ? "[\\x{0}-\\x{10FFFF}]" : "(?!)";
  std::string spelled = negated ? "[^" : "[";
  for (const auto [first, last] : members.ranges()) {
    spelled += fmt::format("\\x{{{:X}}}", static_cast<uint32_t>(first));
    if (last != first) spelled += fmt::format("-\\x{{{:X}}}", static_cast<uint32_t>(last));
  }
  return spelled + "]";
}

std::optional<CodePointSet> read_class_escape(PatternReader& reader) {
  const std::string_view rest = reader.pattern.substr(reader.at);
  if (rest.size() < 2 || std::string_view("sSdDwWpP").find(rest[1]) == rest.npos) return std::nullopt;
  reader.at += 2;
  switch (rest[1]) {
    case 's':
      return unicode::white_space();
    case 'S':
      return unicode::white_space().complement();
    case 'd':
      return unicode::property("Nd");
    case 'D':
      return unicode::property("Nd")->complement();
    case 'w':
      return unicode::word();
    case 'W':
      return unicode::word().complement();
    case 'p':
      return read_property(reader);
    default:
      return read_property(reader).complement();
  }
}

char32_t read_character_escape(PatternReader& reader) {
  const size_t begin = reader.at++;
  if (reader.done()) reader.refuse("a backslash with nothing behind it");
  const char c = reader.pattern[reader.at];
  constexpr std::string_view kNames = "ntrfvae";
  constexpr std::string_view kMeanings = "\n\t\r\f\v\a\x1B";
  if (const size_t found = kNames.find(c); found != kNames.npos) {
    ++reader.at;
    return static_cast<char32_t>(kMeanings[found]);
  }
  if (c == 'x' || c == 'u') {
    ++reader.at;
    return c == 'x' ? read_x_escape(reader) : read_hex(reader, 4);
  }
  reader.at = begin;
  if (is_ascii_letter(c) || is_ascii_digit(c)) reader.refuse("slm does not know this escape");
  ++reader.at;
  return read_plain_character(reader);
}

std::string read_bracket_class(PatternReader& reader) {
  const auto [members, negated] = read_bracket(reader);
  return spell_class(members, negated);
}

}  // namespace slm
