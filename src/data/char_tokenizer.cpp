#include "data/char_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "data/bpe/model_json.h"
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

// Refuses every key that is not as in `expected`; the vocabulary and the special tokens are left to the caller.
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
    if (path_of(key) == "model.vocab" || path_of(key) == "added_tokens") continue;
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

AddedToken special_token(const std::string& name, size_t id) {
  return {.id = static_cast<int32_t>(id), .content = name, .special = true};
}

// The names of the special tokens, which follow `characters` ids.
std::vector<std::string> read_special_tokens(const Json& tokens, size_t characters, const std::string& origin) {
  if (!tokens.is_array()) fail(ExitCode::kData, "{}: added_tokens: expected a list", origin);
  std::vector<std::string> names;
  for (const Json& token : tokens) {
    const auto content = token.is_object() && token.contains("content") ? token["content"] : Json();
    const std::string name = content.is_string() ? content.get<std::string>() : "";
    const Json expected = added_token_json(special_token(name, characters + names.size()));
    if (name.size() < 2 || token != expected) {
      fail(ExitCode::kData,
           "{}: added_tokens[{}]: found {}, expected a special token of at least two characters, as {}", origin,
           names.size(), shorten(token.dump(-1, ' ', false, Json::error_handler_t::replace)), expected.dump());
    }
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      fail(ExitCode::kData, "{}: added_tokens[{}]: {} is there twice", origin, names.size(), name);
    }
    names.push_back(name);
  }
  return names;
}

// Calls `visit(code_point, offset)` for every character of `text` from `begin` on.
template <class Visit>
void for_each_character(std::string_view text, std::string_view origin, const Visit& visit, size_t begin = 0) {
  for (size_t offset = begin; offset < text.size();) {
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
  characters_ = static_cast<int32_t>(pieces_.size());
}

CharTokenizer CharTokenizer::from_json(const Json& json, const std::string& origin) {
  check_frame(json, Json(frame()), origin, "");
  CharTokenizer tokenizer;
  for (const char32_t code_point : read_vocabulary(json["model"]["vocab"], origin)) tokenizer.add(code_point);
  tokenizer.characters_ = static_cast<int32_t>(tokenizer.pieces_.size());
  for (auto& name : read_special_tokens(json["added_tokens"], tokenizer.pieces_.size(), origin)) {
    tokenizer.pieces_.push_back(std::move(name));
  }
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

std::optional<int32_t> CharTokenizer::special_token_at(std::string_view text) const {
  std::optional<int32_t> longest;
  for (int32_t id = characters_; id < vocab_size(); ++id) {
    if (text.starts_with(token_bytes(id)) && (!longest || token_bytes(id).size() > token_bytes(*longest).size())) {
      longest = id;
    }
  }
  return longest;
}

void CharTokenizer::append_characters(std::string_view text, size_t begin, std::string_view origin,
                                      std::vector<int32_t>& ids) const {
  const auto append = [&](char32_t code_point, size_t offset) {
    const int32_t id = id_of(code_point);
    if (id == kMissing) {
      throw TextError(std::string(origin), place_of(text, offset),
                      fmt::format("character {} at byte ", show_character(code_point)),
                      fmt::format(" is not in the tokenizer's vocabulary of {} characters; remove it or use a "
                                  "tokenizer made from text that holds it",
                                  characters_));
    }
    ids.push_back(id);
  };
  for_each_character(text, origin, append, begin);
}

std::vector<int32_t> CharTokenizer::encode_text(std::string_view text, std::string_view origin,
                                                const EncodeOptions& options) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size());
  size_t begin = 0;  // of the characters that are not encoded yet
  for (size_t at = 0; options.recognize_special && at < text.size();) {
    const auto special = special_token_at(text.substr(at));
    if (!special) {
      ++at;
      continue;
    }
    append_characters(text.substr(0, at), begin, origin, ids);
    ids.push_back(*special);
    begin = at += token_bytes(*special).size();
  }
  append_characters(text, begin, origin, ids);
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
  for (size_t id = 0; id < pieces_.size(); ++id) {
    if (is_special(static_cast<int32_t>(id))) {
      json["added_tokens"].push_back(added_token_json(special_token(pieces_[id], id)));
    } else {
      vocabulary[pieces_[id]] = id;
    }
  }
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
