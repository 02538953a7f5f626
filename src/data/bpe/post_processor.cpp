#include "data/bpe/post_processor.h"

#include <fmt/format.h>

#include <map>

#include "core/error.h"
#include "core/json.h"
#include "data/bpe/json_fields.h"

namespace slm {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

// A name that templates use, and the ids that it stands for.
using TemplateTokens = std::map<std::string, std::vector<int32_t>>;

// One place of a template: a text (A, or B of a pair), or a name.
struct TemplatePiece {
  bool is_text = false;
  std::string name;
};

std::vector<int32_t> read_ids(const Json& json, const std::string& where, int64_t vocab_size) {
  std::vector<int32_t> ids;
  for (const Json& id : json) {
    if (!id.is_number_integer() || id < 0 || id >= vocab_size) {
      fail(ExitCode::kData, "{}: found {}, expected ids of 0 .. {}", where, show_json(id), vocab_size - 1);
    }
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

TemplateTokens read_template_tokens(const Json& json, const std::string& where, int64_t vocab_size, OrderedJson& out) {
  if (!json.is_object()) fail(ExitCode::kData, "{}: found {}, expected an object", where, show_json(json));
  TemplateTokens tokens;
  out = OrderedJson::object();
  for (const auto& [name, value] : json.items()) {
    JsonFields fields(value, fmt::format("{}[{}]", where, quote_json(name)));
    const std::string id = fields.string("id");
    const Json &ids = fields.array("ids"), &contents = fields.array("tokens");
    fields.refuse_others();
    if (id != name)
      fail(ExitCode::kData, "{}: found {}, expected {}", fields.where("id"), quote_json(id), quote_json(name));
    if (ids.size() != contents.size()) {
      fail(ExitCode::kData, "{}: {} ids for {} tokens; expected as many", fields.where("ids"), ids.size(),
           contents.size());
    }
    tokens[name] = read_ids(ids, fields.where("ids"), vocab_size);
    out[name] = {{"id", id}, {"ids", ids}, {"tokens", contents}};
  }
  return tokens;
}

TemplatePiece read_piece(const Json& json, const std::string& where, const TemplateTokens& tokens, OrderedJson& out) {
  const bool is_text = json.is_object() && json.contains("Sequence");
  const char* kind = is_text ? "Sequence" : "SpecialToken";
  JsonFields piece(json, where);
  JsonFields fields(piece.get(kind), piece.where(kind));
  piece.refuse_others();
  const std::string name = fields.string("id");
  const int64_t type_id = fields.integer("type_id");
  fields.refuse_others();
  const bool known = is_text ? name == "A" || name == "B" : tokens.contains(name);
  if (!known) {
    fail(ExitCode::kData, "{}: found {}, expected {}", fields.where("id"), quote_json(name),
         is_text ? "A or B" : "a key of special_tokens");
  }
  out.push_back({{kind, {{"id", name}, {"type_id", type_id}}}});
  return {is_text, name};
}

std::vector<TemplatePiece> read_pieces(const Json& json, const std::string& where, const TemplateTokens& tokens,
                                       OrderedJson& out) {
  out = OrderedJson::array();
  std::vector<TemplatePiece> pieces;
  for (const Json& piece : json) {
    pieces.push_back(read_piece(piece, fmt::format("{}[{}]", where, pieces.size()), tokens, out));
  }
  return pieces;
}

}  // namespace

OrderedJson ByteLevelKeys::to_json() const {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", trim_offsets},
          {"use_regex", use_regex}};
}

ByteLevelKeys parse_byte_level(const Json& json, const std::string& where) {
  JsonFields fields(json, where);
  if (const std::string type = fields.string("type"); type != "ByteLevel") {
    fail(ExitCode::kData, "{}: found {}; slm does ByteLevel", fields.where("type"), quote_json(type));
  }
  ByteLevelKeys keys{.add_prefix_space = fields.boolean("add_prefix_space"),
                     .trim_offsets = fields.boolean("trim_offsets"),
                     .use_regex = fields.boolean("use_regex", true)};
  fields.refuse_others();
  return keys;
}

PostProcessor::PostProcessor(const Json& json, const std::string& where, int64_t vocab_size)
    : json_(json.is_null() ? OrderedJson() : read(json, where, vocab_size)) {}

OrderedJson PostProcessor::read(const Json& json, const std::string& where, int64_t vocab_size) {
  JsonFields fields(json, where);
  const std::string type = fields.string("type");
  if (type == "ByteLevel") return parse_byte_level(json, where).to_json();
  if (type == "TemplateProcessing") return read_template(json, where, vocab_size);
  if (type != "Sequence") {
    fail(ExitCode::kData, "{}: found {}; slm does ByteLevel, TemplateProcessing and Sequence", fields.where("type"),
         quote_json(type));
  }
  OrderedJson processors = OrderedJson::array();
  for (const Json& one : fields.array("processors")) {
    processors.push_back(read(one, fmt::format("{}.processors[{}]", where, processors.size()), vocab_size));
  }
  fields.refuse_others();
  return {{"type", "Sequence"}, {"processors", std::move(processors)}};
}

// The template for a pair of texts is kept for the file only.
OrderedJson PostProcessor::read_template(const Json& json, const std::string& where, int64_t vocab_size) {
  JsonFields fields(json, where);
  OrderedJson out = {{"type", fields.string("type")}, {"single", {}}, {"pair", {}}, {"special_tokens", {}}};
  const auto tokens = read_template_tokens(fields.get("special_tokens"), fields.where("special_tokens"), vocab_size,
                                           out["special_tokens"]);
  const auto single = read_pieces(fields.array("single"), fields.where("single"), tokens, out["single"]);
  read_pieces(fields.array("pair"), fields.where("pair"), tokens, out["pair"]);
  fields.refuse_others();
  std::vector<int32_t> before, behind;
  int texts = 0;
  for (const auto& [is_text, name] : single) {
    if (is_text) {
      texts += name == "A" ? 1 : 2;
    } else {
      auto& side = texts == 0 ? before : behind;
      side.insert(side.end(), tokens.at(name).begin(), tokens.at(name).end());
    }
  }
  if (texts != 1) fail(ExitCode::kData, "{}: expected the text A once, and no B", fields.where("single"));
  before_.insert(before_.begin(), before.begin(), before.end());
  behind_.insert(behind_.end(), behind.begin(), behind.end());
  return out;
}

}  // namespace slm
