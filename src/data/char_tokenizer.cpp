#include "data/char_tokenizer.h"

#include <fmt/format.h>

#include <bit>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/text_error.h"
#include "data/utf8.h"

namespace slm {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

// Everything of tokenizer.json but the vocabulary: the file is written from this and read against it.
OrderedJson frame() {
  OrderedJson model = {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", false},
                       {"vocab", OrderedJson::object()},
                       {"merges", OrderedJson::array()}};
  return {{"version", "1.0"},          {"truncation", nullptr},
          {"padding", nullptr},        {"added_tokens", OrderedJson::array()},
          {"normalizer", nullptr},     {"pre_tokenizer", nullptr},
          {"post_processor", nullptr}, {"decoder", {{"type", "Fuse"}}},
          {"model", std::move(model)}};
}

constexpr uint8_t kAscii = 0x80;          // bytes below it are characters
constexpr size_t kCodePoints = 0x110000;  // of Unicode

std::string shorten(std::string text) {
  constexpr size_t kShown = 60;
  if (text.size() > kShown) text = text.substr(0, kShown) + "...";
  return text;
}

// Refuses every key that is not as in `expected`; `vocab` is left to the caller.
void check_frame(const Json& found, const Json& expected, const std::string& origin, const std::string& prefix) {
  if (!found.is_object()) {
    fail(ExitCode::kData, "{}: {}: expected an object", origin, prefix.empty() ? "the whole file" : prefix);
  }
  const auto path_of = [&](const std::string& key) { return prefix.empty() ? key : prefix + "." + key; };
  for (const auto& [key, value] : found.items()) {
    if (!expected.contains(key)) {
      fail(ExitCode::kData, "{}: {}: unknown key; slm reads character tokenizers written as a BPE without merges",
           origin, path_of(key));
    }
  }
  for (const auto& [key, value] : expected.items()) {
    if (!found.contains(key)) fail(ExitCode::kData, "{}: {}: the key is missing", origin, path_of(key));
    if (path_of(key) == "model.vocab") continue;
    if (value.is_object() && found[key].is_object()) {
      check_frame(found[key], value, origin, path_of(key));
    } else if (found[key] != value) {
      fail(ExitCode::kData,
           "{}: {}: found {}, expected {}; slm reads character tokenizers written as a BPE without merges", origin,
           path_of(key), shorten(found[key].dump(-1, ' ', false, Json::error_handler_t::replace)), value.dump());
    }
  }
}

char32_t single_character(const std::string& piece, const std::string& origin) {
  if (!piece.empty()) {
    const Utf8Character character = decode_utf8(piece, 0);
    if (character.kind == Utf8Character::Kind::kValid && character.length == piece.size()) return character.code_point;
  }
  fail(ExitCode::kData, "{}: model.vocab: \"{}\" is not exactly one character", origin, shorten(piece));
}

// The vocabulary in the order of its ids.
std::vector<char32_t> read_vocabulary(const Json& vocabulary, const std::string& origin) {
  if (!vocabulary.is_object() || vocabulary.empty()) {
    fail(ExitCode::kData, "{}: model.vocab: expected an object with at least one character", origin);
  }
  std::vector<char32_t> code_points(vocabulary.size());
  std::vector<bool> taken(vocabulary.size());
  for (const auto& [piece, id] : vocabulary.items()) {
    const char32_t code_point = single_character(piece, origin);
    const bool dense = id.is_number_integer() && id >= 0 && id < vocabulary.size();
    if (!dense || taken[id.get<size_t>()]) {
      fail(ExitCode::kData, "{}: model.vocab: the id of {} is {}; expected each of 0 .. {} once", origin,
           show_character(code_point), id.dump(), vocabulary.size() - 1);
    }
    taken[id.get<size_t>()] = true;
    code_points[id.get<size_t>()] = code_point;
  }
  return code_points;
}

// Calls `visit(code_point, offset)` for every character of `text`.
template <class Visit>
void for_each_character(std::string_view text, std::string_view origin, const Visit& visit) {
  for (size_t offset = 0; offset < text.size();) {
    const auto first = static_cast<uint8_t>(text[offset]);
    if (first < kAscii) {
      visit(char32_t{first}, offset++);
      continue;
    }
    const Utf8Character character = decode_utf8(text, offset);
    if (character.kind != Utf8Character::Kind::kValid) {
      throw TextError(std::string(origin), place_of(text, offset), "byte ",
                      fmt::format(" (0x{:02X}) is not UTF-8; convert the text to UTF-8", first));
    }
    visit(character.code_point, offset);
    offset += character.length;
  }
}

}  // namespace

CharTokenizer::CharTokenizer(const std::set<char32_t>& code_points) : CharTokenizer() {
  SLM_CHECK(!code_points.empty());
  for (const char32_t code_point : code_points) add(code_point);
}

CharTokenizer CharTokenizer::from_json(const Json& json, const std::string& origin) {
  check_frame(json, Json(frame()), origin, "");
  CharTokenizer tokenizer;
  for (const char32_t code_point : read_vocabulary(json["model"]["vocab"], origin)) tokenizer.add(code_point);
  return tokenizer;
}

void CharTokenizer::add(char32_t code_point) {
  const auto id = static_cast<int32_t>(pieces_.size());
  append_utf8(pieces_.emplace_back(), code_point);
  if (code_point < ascii_.size()) {
    ascii_[code_point] = id;
  } else {
    others_.emplace(code_point, id);
  }
}

int32_t CharTokenizer::id_of(char32_t code_point) const {
  if (code_point < ascii_.size()) return ascii_[code_point];
  const auto found = others_.find(code_point);
  return found == others_.end() ? kMissing : found->second;
}

std::vector<int32_t> CharTokenizer::encode_text(std::string_view text, std::string_view origin) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size());
  for_each_character(text, origin, [&](char32_t code_point, size_t offset) {
    const int32_t id = id_of(code_point);
    if (id == kMissing) {
      throw TextError(std::string(origin), place_of(text, offset),
                      fmt::format("character {} at byte ", show_character(code_point)),
                      fmt::format(" is not in the tokenizer's vocabulary of {} characters; remove it or use a "
                                  "tokenizer made from text that holds it",
                                  vocab_size()));
    }
    ids.push_back(id);
  });
  return ids;
}

std::string_view CharTokenizer::token_bytes(int32_t id) const {
  if (id < 0 || id >= vocab_size()) {
    fail(ExitCode::kData, "token id {} is outside the tokenizer's vocabulary of {}", id, vocab_size());
  }
  return pieces_[static_cast<size_t>(id)];
}

std::string CharTokenizer::to_json() const {
  OrderedJson json = frame();
  OrderedJson& vocabulary = json["model"]["vocab"];
  for (size_t id = 0; id < pieces_.size(); ++id) vocabulary[pieces_[id]] = id;
  return json.dump(2);
}

size_t CharTokenizer::safe_cut(std::string_view text) const { return whole_characters(text); }

CharacterSet::CharacterSet() : seen_(kCodePoints / 64) {}

void CharacterSet::add(std::string_view text, std::string_view origin) {
  for_each_character(text, origin,
                     [&](char32_t code_point, size_t) { seen_[code_point / 64] |= uint64_t{1} << (code_point % 64); });
}

std::set<char32_t> CharacterSet::code_points() const {
  std::set<char32_t> found;
  for (size_t word = 0; word < seen_.size(); ++word) {
    for (uint64_t bits = seen_[word]; bits != 0; bits &= bits - 1) {
      found.insert(static_cast<char32_t>(64 * word + static_cast<size_t>(std::countr_zero(bits))));
    }
  }
  return found;
}

}  // namespace slm
