#include "data/bpe/model_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "core/json.h"
#include "data/bpe/byte_alphabet.h"
#include "data/bpe/json_fields.h"

namespace slm {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

// The strings of model.vocab by id, and back; views of the JSON's keys.
struct Vocabulary {
  std::vector<std::string_view> strings;
  std::unordered_map<std::string_view, int32_t> ids;
};

Vocabulary read_vocabulary(const Json& json, const std::string& where) {
  if (!json.is_object() || json.empty()) fail(ExitCode::kData, "{}: expected an object with at least one token", where);
  Vocabulary vocabulary{std::vector<std::string_view>(json.size()), {}};
  vocabulary.ids.reserve(json.size());
  std::string_view beyond;
  for (const auto& [token, id] : json.items()) {
    if (!id.is_number_integer() || id < 0 || id > INT32_MAX) {
      fail(ExitCode::kData, "{}: the id of {} is {}, expected each of 0 .. {} once", where, quote_json(token),
           show_json(id), json.size() - 1);
    }
    if (token.empty()) fail(ExitCode::kData, "{}: the token of id {} is empty", where, id.get<int32_t>());
    if (id >= json.size()) {
      beyond = token;
      continue;
    }
    auto& place = vocabulary.strings[id.get<size_t>()];
    if (!place.empty()) {
      fail(ExitCode::kData, "{}: {} and {} both have the id {}", where, quote_json(place), quote_json(token),
           id.get<int32_t>());
    }
    place = token;
    vocabulary.ids.emplace(place, id.get<int32_t>());
  }
  if (!beyond.empty()) {
    const auto hole = std::find(vocabulary.strings.begin(), vocabulary.strings.end(), "");
    fail(ExitCode::kData, "{}: no token has the id {}, but {} has {}; expected each of 0 .. {} once", where,
         hole - vocabulary.strings.begin(), quote_json(beyond), json[std::string(beyond)].get<int32_t>(),
         json.size() - 1);
  }
  return vocabulary;
}

// "a b" or ["a", "b"].
std::optional<std::pair<std::string, std::string>> read_merge(const Json& json) {
  if (json.is_array() && json.size() == 2 && json[0].is_string() && json[1].is_string()) {
    return std::pair{json[0].get<std::string>(), json[1].get<std::string>()};
  }
  if (!json.is_string()) return std::nullopt;
  const auto& text = json.get_ref<const std::string&>();
  const size_t space = text.find(' ');
  const bool divides = space != text.npos && space > 0 && space + 1 < text.size();
  if (!divides || text.find(' ', space + 1) != text.npos) return std::nullopt;
  return std::pair{text.substr(0, space), text.substr(space + 1)};
}

std::vector<BpeMerge> read_merges(const Json& json, const Vocabulary& vocabulary, const std::string& where) {
  std::vector<BpeMerge> merges;
  std::unordered_set<uint64_t> seen;
  for (size_t i = 0; i < json.size(); ++i) {
    // The first line of a merges.txt, which some converters took along.
    if (json[i].is_string() && json[i].get_ref<const std::string&>().starts_with("#version")) continue;
    const auto pair = read_merge(json[i]);
    if (!pair) {
      fail(ExitCode::kData, "{}[{}]: found {}, expected \"a b\" or [\"a\", \"b\"]", where, i, show_json(json[i]));
    }
    const auto id_of = [&](const std::string& token) {
      const auto found = vocabulary.ids.find(token);
      if (found != vocabulary.ids.end()) return found->second;
      fail(ExitCode::kData, "{}[{}]: {} of the merge {} is not in model.vocab", where, i, quote_json(token),
           show_json(json[i]));
    };
    const auto& [left, right] = *pair;
    const BpeMerge merge{id_of(left), id_of(right), id_of(left + right)};
    if (!seen.insert(static_cast<uint64_t>(merge.left) << 32 | static_cast<uint32_t>(merge.right)).second) {
      fail(ExitCode::kData, "{}[{}]: the merge {} stands twice", where, i, show_json(json[i]));
    }
    merges.push_back(merge);
  }
  return merges;
}

AddedToken read_added_token(const Json& json, const std::string& where) {
  JsonFields fields(json, where);
  const int64_t id = fields.integer("id");
  if (id < 0 || id > INT32_MAX) fail(ExitCode::kData, "{}: found {}, expected 0 or more", fields.where("id"), id);
  AddedToken token{.id = static_cast<int32_t>(id),
                   .content = fields.string("content"),
                   .lstrip = fields.boolean("lstrip"),
                   .rstrip = fields.boolean("rstrip"),
                   .normalized = fields.boolean("normalized"),
                   .special = fields.boolean("special")};
  if (fields.boolean("single_word")) {
    fail(ExitCode::kData, "{}: found true; slm finds added tokens inside words too", fields.where("single_word"));
  }
  fields.refuse_others();
  if (token.content.empty()) fail(ExitCode::kData, "{}: empty; expected text", fields.where("content"));
  return token;
}

// A token of the vocabulary keeps its id; the others follow behind the vocabulary, as Hugging Face gives them ids.
std::vector<AddedToken> read_added_tokens(const Json& json, const Vocabulary& vocabulary, const std::string& where) {
  if (!json.is_array()) fail(ExitCode::kData, "{}: found {}, expected a list", where, show_json(json));
  std::vector<AddedToken> tokens;
  std::unordered_set<std::string> contents;
  auto next = static_cast<int32_t>(vocabulary.strings.size());
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string place = fmt::format("{}[{}]", where, i);
    tokens.push_back(read_added_token(json[i], place));
    const AddedToken& token = tokens.back();
    if (!contents.insert(token.content).second) {
      fail(ExitCode::kData, "{}: {} stands twice", place, quote_json(token.content));
    }
    const auto found = vocabulary.ids.find(token.content);
    const int32_t expected = found == vocabulary.ids.end() ? next++ : found->second;
    if (token.id != expected) {
      fail(ExitCode::kData, "{}: {} has the id {}, expected {} ({})", place, quote_json(token.content), token.id,
           expected, found == vocabulary.ids.end() ? "the first one that is free" : "which it has in model.vocab");
    }
  }
  std::sort(tokens.begin(), tokens.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return tokens;
}

// The bytes of every id.
void fill_tokens(BpeTables& tables, const Vocabulary& vocabulary, const std::string& origin) {
  auto& tokens = tables.model.tokens;
  auto& literal = tables.model.literal;
  std::unordered_set<std::string_view> added;
  for (const auto& token : tables.added_tokens) added.insert(token.content);
  for (const std::string_view string : vocabulary.strings) {
    const auto bytes = from_byte_characters(string);
    if (!added.contains(string)) {
      if (!bytes) {
        fail(ExitCode::kData,
             "{}: model.vocab: {} holds a character that stands for no byte; slm reads byte-level BPE, and character "
             "tokenizers as it writes them",
             origin, quote_json(string));
      }
    } else if (bytes && *bytes != string) {
      fail(ExitCode::kData, "{}: added_tokens: {} is in model.vocab too, where it stands for other bytes", origin,
           quote_json(string));
    }
    tokens.push_back(bytes.value_or(std::string(string)));
    literal.push_back(!bytes);
  }
  for (const auto& token : tables.added_tokens) {
    if (token.id < static_cast<int32_t>(vocabulary.strings.size())) continue;
    tokens.push_back(token.content);
    literal.push_back(true);
  }
}

void refuse_empty_or(JsonFields& model, const std::string& key) {
  if (const Json* found = model.find(key); found && *found != "") {
    fail(ExitCode::kData, "{}: found {}, expected null: slm does byte-level BPE, which has none", model.where(key),
         show_json(*found));
  }
}

// An unknown token would stand for characters that the vocabulary lacks. Where it has every byte, there is none.
std::string read_unk_token(JsonFields& model, const Vocabulary& vocabulary) {
  if (!model.find("unk_token")) return {};
  const auto& alphabet = byte_alphabet();
  for (size_t byte = 0; byte < alphabet.size(); ++byte) {
    const char value = static_cast<char>(byte);
    if (!vocabulary.ids.contains(to_byte_characters({&value, 1}))) {
      fail(ExitCode::kData,
           "{}: found {}, expected null, or a vocabulary with all 256 bytes, which needs none (0x{:02X} is missing)",
           model.where("unk_token"), show_json(model.get("unk_token")), byte);
    }
  }
  return model.string("unk_token");
}

void expect_false(JsonFields& model, const std::string& key) {
  if (model.boolean(key, false)) {
    fail(ExitCode::kData, "{}: found true, expected false: slm does byte-level BPE without it", model.where(key));
  }
}

void refuse_other_models(JsonFields& model) {
  if (model.find("type") && model.string("type") != "BPE") {
    fail(ExitCode::kData, "{}: found {}, expected \"BPE\"", model.where("type"), quote_json(model.string("type")));
  }
  model.expect_nothing("dropout", "slm gives equal ids for equal text");
  refuse_empty_or(model, "continuing_subword_prefix");
  refuse_empty_or(model, "end_of_word_suffix");
  expect_false(model, "fuse_unk");
  expect_false(model, "byte_fallback");
}

}  // namespace

BpeTables read_bpe_tables(const Json& model_value, const Json* added_tokens, const std::string& origin) {
  JsonFields model(model_value, origin + ": model");
  refuse_other_models(model);
  const Vocabulary vocabulary = read_vocabulary(model.get("vocab"), model.where("vocab"));
  BpeTables tables;
  tables.model.vocabulary_size = vocabulary.strings.size();
  tables.model.unk_token = read_unk_token(model, vocabulary);
  tables.model.ignore_merges = model.boolean("ignore_merges", false);
  tables.model.merges = read_merges(model.array("merges"), vocabulary, model.where("merges"));
  model.refuse_others();
  if (added_tokens) tables.added_tokens = read_added_tokens(*added_tokens, vocabulary, origin + ": added_tokens");
  fill_tokens(tables, vocabulary, origin);
  return tables;
}

OrderedJson model_json(const BpeModelParts& model) {
  const auto string_of = [&](auto index) {
    const auto id = static_cast<size_t>(index);
    return model.literal[id] ? model.tokens[id] : to_byte_characters(model.tokens[id]);
  };
  OrderedJson::object_t vocabulary;  // filled as a list: its own way of insertion looks through all keys each time
  vocabulary.reserve(model.vocabulary_size);
  for (size_t id = 0; id < model.vocabulary_size; ++id) vocabulary.emplace_back(string_of(id), id);
  OrderedJson::array_t pairs;
  pairs.reserve(model.merges.size());
  for (const auto& merge : model.merges) pairs.push_back({string_of(merge.left), string_of(merge.right)});
  OrderedJson json = {{"type", "BPE"},
                      {"dropout", nullptr},
                      {"unk_token", nullptr},
                      {"continuing_subword_prefix", nullptr},
                      {"end_of_word_suffix", nullptr},
                      {"fuse_unk", false},
                      {"byte_fallback", false},
                      {"ignore_merges", model.ignore_merges}};
  if (!model.unk_token.empty()) json["unk_token"] = model.unk_token;
  json["vocab"] = std::move(vocabulary);
  json["merges"] = std::move(pairs);
  return json;
}

OrderedJson added_token_json(const AddedToken& token) {
  return {{"id", token.id},          {"content", token.content}, {"single_word", false},
          {"lstrip", token.lstrip},  {"rstrip", token.rstrip},   {"normalized", token.normalized},
          {"special", token.special}};
}

OrderedJson added_tokens_json(const std::vector<AddedToken>& tokens) {
  OrderedJson list = OrderedJson::array();
  for (const auto& token : tokens) list.push_back(added_token_json(token));
  return list;
}

}  // namespace slm
