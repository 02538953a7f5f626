#include "report/html.h"

#include "data/utf8.h"

namespace slm {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

std::string_view entity(char character) {
  switch (character) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
  }
  return {};
}

bool is_forbidden(char32_t code_point) {
  const bool is_space = code_point == '\t' || code_point == '\n' || code_point == '\r';
  return (code_point < 0x20 && !is_space) || (code_point >= 0x7F && code_point < 0xA0);
}

}  // namespace

std::string html(std::string_view text) {
  std::string escaped;
  for (size_t offset = 0; offset < text.size();) {
    const auto character = decode_utf8(text, offset);
    const auto named = entity(text[offset]);
    if (character.kind != Utf8Character::Kind::kValid || is_forbidden(character.code_point)) {
      escaped += kReplacement;
    } else {
      escaped += named.empty() ? text.substr(offset, character.length) : named;
    }
    offset += character.length;
  }
  return escaped;
}

}  // namespace slm
