#include "config/schema.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/file_header.h"
#include "config/training_config.h"

namespace slm {
namespace {

using Json = nlohmann::ordered_json;

Json typed(const char* type) { return {{"type", {type, "null"}}}; }

/// The bounds of a number, as whole numbers where the field is one.
template <class T>
Json with_bounds(Json schema, const Constraint& c) {
  if (c.lower) schema[c.lower_open ? "exclusiveMinimum" : "minimum"] = static_cast<T>(*c.lower);
  if (c.upper) schema[c.upper_open ? "exclusiveMaximum" : "maximum"] = static_cast<T>(*c.upper);
  return schema;
}

Json schema_of(int64_t, const Constraint& c) {
  if (c.choices.empty()) return with_bounds<int64_t>(typed("integer"), c);
  Json schema{{"enum", Json::array()}};
  for (const auto& choice : c.choices) schema["enum"].push_back(std::stoll(choice));
  schema["enum"].push_back(nullptr);
  return schema;
}
Json schema_of(double, const Constraint& c) { return with_bounds<double>(typed("number"), c); }
Json schema_of(bool, const Constraint&) { return typed("boolean"); }

Json schema_of(const std::string&, const Constraint& c) {
  Json schema = typed("string");
  if (!c.choices.empty()) {
    schema = {{"enum", c.choices}};
    schema["enum"].push_back(nullptr);
  }
  if (c.non_empty) schema["minLength"] = 1;
  return schema;
}

Json schema_of(const std::vector<std::string>&, const Constraint& c) {
  Json item{{"type", "string"}}, schema{{"type", {"string", "array", "null"}}};
  if (c.non_empty) schema["minLength"] = item["minLength"] = 1;
  schema["items"] = item;
  return schema;
}

// A text, a block, or a list of these.
Json schema_of(const std::vector<TextSource>&, const Constraint&) {
  Json format{{"enum", TextSource::formats().choices}};
  const Json block{{"type", "object"},
                   {"additionalProperties", false},
                   {"required", {"path"}},
                   {"properties",
                    {{"path", {{"type", "string"}, {"minLength", 1}}},
                     {"weight", with_bounds<double>({{"type", "number"}}, TextSource::weights())},
                     {"format", std::move(format)}}}};
  const Json text{{"type", "string"}, {"minLength", 1}};
  const Json list{{"type", "array"}, {"items", {{"anyOf", {text, block}}}}};
  return {{"anyOf", {text, block, list, Json{{"type", "null"}}}}};
}

template <class T>
Json schema_of(const std::optional<T>&, const Constraint& c) {
  auto schema = schema_of(T{}, c);
  if (c.unset_word == Constraint{}.unset_word) return schema;
  if (schema.contains("enum")) {
    schema["enum"].insert(schema["enum"].begin(), c.unset_word);
    return schema;
  }
  return {{"anyOf", {Json{{"const", c.unset_word}}, schema}}};
}

template <class T>
Json default_of(const T& value, const Constraint&) {
  return value;
}
Json default_of(const std::vector<TextSource>&, const Constraint&) { return Json::array(); }
Json default_of(const std::string& value, const Constraint&) {
  return value.empty() ? Json() : Json(value);  // a text that a config must give has none
}
template <class T>
Json default_of(const std::optional<T>&, const Constraint& c) {
  return c.unset_word == Constraint{}.unset_word ? Json() : Json(c.unset_word);
}

class SchemaVisitor {
 public:
  Json properties = Json::object();

  void group(std::string_view) {}

  template <class Block>
  void block(std::string_view name, Block& block, std::string_view doc) {
    SchemaVisitor inside;
    block.visit(inside);
    properties[std::string(name)] = {{"description", doc},
                                     {"type", {"object", "null"}},
                                     {"additionalProperties", false},
                                     {"properties", inside.properties}};
  }

  template <class T>
  void field(std::string_view name, const T& value, const Constraint& constraint, Resume, std::string_view doc) {
    Json schema{{"description", doc}};
    schema.update(schema_of(value, constraint));
    schema["default"] = default_of(value, constraint);
    properties[std::string(name)] = schema;
  }
};

}  // namespace

std::string config_schema() {
  SchemaVisitor visitor;
  FileHeader{}.visit(visitor);
  TrainingConfig{}.visit(visitor);
  const Json schema{{"$schema", "http://json-schema.org/draft-07/schema#"},
                    {"title", "slm training config"},
                    {"description",
                     "Each key alone; slm config check knows what keys must have together. null takes the value of the "
                     "base back."},
                    {"type", "object"},
                    {"additionalProperties", false},
                    {"properties", visitor.properties}};
  return schema.dump(2) + "\n";
}

}  // namespace slm
