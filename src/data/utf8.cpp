#include "data/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "core/error.h"

namespace slm {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct Lead {
  size_t length;                  // bytes of the character
  uint8_t first_low, first_high;  // what its second byte may be (this excludes overlong forms and surrogates)
  uint8_t mask;                   // payload bits of the first byte
};

// Table 3-7 of the Unicode standard; length 0: no character begins with this byte.
Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0, 0x7F};
  if (byte < 0xC2) return {0, 0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF, 0x1F};
  if (byte == 0xE0) return {3, 0xA0, 0xBF, 0x0F};
  if (byte == 0xED) return {3, 0x80, 0x9F, 0x0F};
  if (byte < 0xF0) return {3, 0x80, 0xBF, 0x0F};
  if (byte == 0xF0) return {4, 0x90, 0xBF, 0x07};
  if (byte < 0xF4) return {4, 0x80, 0xBF, 0x07};
  if (byte == 0xF4) return {4, 0x80, 0x8F, 0x07};
  return {0, 0, 0, 0};
}

}  // namespace

Utf8Character decode_utf8(std::string_view text, size_t offset) {
  SLM_CHECK(offset < text.size());
  const auto first = static_cast<uint8_t>(text[offset]);
  const Lead lead = lead_of(first);
  if (lead.length == 0) return {Utf8Character::Kind::kInvalid, 0, 1};
  char32_t code_point = first & lead.mask;
  for (size_t i = 1; i < lead.length; ++i) {
    if (offset + i == text.size()) return {Utf8Character::Kind::kIncomplete, 0, i};
    const auto byte = static_cast<uint8_t>(text[offset + i]);
    const uint8_t low = i == 1 ? lead.first_low : 0x80;
    const uint8_t high = i == 1 ? lead.first_high : 0xBF;
    if (byte < low || byte > high) return {Utf8Character::Kind::kInvalid, 0, i};
    code_point = (code_point << 6) | (byte & 0x3F);
  }
  return {Utf8Character::Kind::kValid, code_point, lead.length};
}

void append_utf8(std::string& text, char32_t code_point) {
  SLM_CHECK(code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF));
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | ((code_point >> shift) & 0x3F)); };
  if (code_point < 0x80) {
    text += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    text += static_cast<char>(0xC0 | (code_point >> 6));
    tail(0);
  } else if (code_point < 0x10000) {
    text += static_cast<char>(0xE0 | (code_point >> 12));
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xF0 | (code_point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::string show_character(char32_t code_point) {
  const auto number = static_cast<uint32_t>(code_point);
  if (number < 0x20 || (number >= 0x7F && number < 0xA0)) return fmt::format("U+{:04X}", number);
  std::string bytes;
  append_utf8(bytes, code_point);
  return fmt::format("'{}' (U+{:04X})", bytes, number);
}

size_t whole_characters(std::string_view text) {
  constexpr size_t kLongest = 4;
  for (size_t back = 1; back <= std::min(kLongest - 1, text.size()); ++back) {
    const size_t offset = text.size() - back;
    if (decode_utf8(text, offset).kind == Utf8Character::Kind::kIncomplete) return offset;
  }
  return text.size();
}

std::string Utf8Streamer::push(std::string_view bytes) {
  pending_ += bytes;
  std::string complete;
  size_t offset = 0;
  while (offset < pending_.size()) {
    const Utf8Character character = decode_utf8(pending_, offset);
    if (character.kind == Utf8Character::Kind::kIncomplete) break;
    append_utf8(complete, character.kind == Utf8Character::Kind::kValid ? character.code_point : kReplacement);
    offset += character.length;
  }
  pending_.erase(0, offset);
  return complete;
}

std::string Utf8Streamer::finish() {
  std::string rest;
  if (!pending_.empty()) append_utf8(rest, kReplacement);
  pending_.clear();
  return rest;
}

}  // namespace slm
