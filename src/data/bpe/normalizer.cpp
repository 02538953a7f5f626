#include "data/bpe/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"
#include "data/unicode/tables.h"
#include "data/utf8.h"

namespace slm {
namespace {

// Whether utf8proc may know what to do with a character that Hugging Face's older tables leave alone.
bool is_too_young(char32_t code_point) {
  const auto behind = std::upper_bound(unicode::kNotInNfc.begin(), unicode::kNotInNfc.end(), code_point,
                                       [](char32_t wanted, CodePointRange range) { return wanted < range.first; });
  return behind != unicode::kNotInNfc.begin() && code_point <= std::prev(behind)->last;
}

// `text` must be valid UTF-8.
void append_nfc(std::string_view text, std::string& result) {
  if (text.empty()) return;
  utf8proc_uint8_t* composed = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, &std::free);
  if (size < 0) throw std::bad_alloc();  // the text is valid: nothing else can go wrong
  result.append(reinterpret_cast<const char*>(composed), static_cast<size_t>(size));
}

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

}  // namespace

std::string Normalizer::normalize(std::string_view text) const {
  if (changes_nothing() || is_ascii(text)) return std::string(text);
  std::string result;
  size_t begin = 0;  // of what is not normalized yet
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = decode_utf8(text, at);
    if (character.kind != Utf8Character::Kind::kValid || is_too_young(character.code_point)) {
      append_nfc(text.substr(begin, at - begin), result);
      result.append(text.substr(at, character.length));
      begin = at + character.length;
    }
    at += character.length;
  }
  append_nfc(text.substr(begin), result);
  return result;
}

nlohmann::ordered_json Normalizer::to_json() const {
  if (changes_nothing()) return nullptr;
  return {{"type", "NFC"}};
}

Normalizer parse_normalizer(const nlohmann::json& json, const std::string& where) {
  if (json.is_null()) return Normalizer(Normalization::kNone);
  const bool named = json.is_object() && json.contains("type") && json["type"].is_string();
  if (named && json.size() == 1 && json["type"] == "NFC") return Normalizer(Normalization::kNfc);
  fail(ExitCode::kData, "{}: found {}; slm knows null and NFC", where,
       quote_json(named ? json["type"].get<std::string>() : json.dump()));
}

}  // namespace slm
