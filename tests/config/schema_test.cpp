#include "config/schema.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "config/describe.h"
#include "core/file.h"
#include "core/json.h"

namespace slm {
namespace {

const std::filesystem::path kRoot = SLM_SOURCE_DIR;

nlohmann::json schema() { return parse_json(config_schema(), "schema"); }

/// The schema of a dotted key.
nlohmann::json schema_of(const std::string& key) {
  auto properties = schema()["properties"];
  const auto block = block_of(key);
  if (!block.empty()) properties = nlohmann::json(properties[block]["properties"]);
  return properties[key.substr(key.rfind('.') + 1)];
}

// The structure that `jsonschema` of Python accepts as draft 7 and under which it accepts the files of configs/.
TEST(ConfigSchema, HasEveryKeyWithItsMeaningAndRefusesOthers) {
  const auto root = schema();
  EXPECT_EQ(root["$schema"], "http://json-schema.org/draft-07/schema#");
  EXPECT_EQ(root["additionalProperties"], false);
  std::set<std::string> in_schema, known;
  for (const auto& [name, property] : root["properties"].items()) {
    if (!property.contains("properties")) {
      in_schema.insert(name);
      continue;
    }
    EXPECT_EQ(property["additionalProperties"], false) << name;
    for (const auto& [inner, unused] : property["properties"].items()) in_schema.insert(name + "." + inner);
  }
  for (const auto& field : list_file_keys()) {
    known.insert(field.key);
    EXPECT_EQ(schema_of(field.key)["description"], field.doc) << field.key;
    EXPECT_TRUE(schema_of(field.key).contains("default")) << field.key;
  }
  EXPECT_EQ(in_schema, known);
}

TEST(ConfigSchema, SaysWhatTheConstraintSays) {
  const auto number = schema_of("adam_beta2");
  EXPECT_EQ(number["type"], nlohmann::json({"number", "null"}));
  EXPECT_EQ(number["minimum"], 0);
  EXPECT_EQ(number["exclusiveMaximum"], 1);
  EXPECT_EQ(number["default"], 0.95);
  EXPECT_EQ(schema_of("adam_epsilon")["exclusiveMinimum"], 0);
  EXPECT_EQ(schema_of("max_tokens")["maximum"].dump(), "1000000000000000000");
  EXPECT_EQ(schema_of("model.bias")["type"], nlohmann::json({"boolean", "null"}));
  EXPECT_EQ(schema_of("lr_scheduler_type")["enum"], nlohmann::json({"cosine", "linear", "constant", "wsd", nullptr}));
  EXPECT_EQ(schema_of("device")["enum"], nlohmann::json({"auto", "cpu", "cuda", nullptr}));
  EXPECT_EQ(schema_of("threads")["anyOf"][0]["const"], "auto");
  EXPECT_EQ(schema_of("threads")["anyOf"][1]["maximum"], 4096);
  EXPECT_EQ(schema_of("data.train")["anyOf"][0]["minLength"], 1);
}

TEST(ConfigSchema, TheFileInDocsIsWhatTheProgramPrints) {
  EXPECT_TRUE(read_file(kRoot / "docs/training_config.schema.json") == config_schema())
      << "docs/training_config.schema.json is out of date; run scripts/generate_docs";
}

TEST(ConfigSchema, EveryConfigNamesItForEditors) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot / "configs")) {
    if (entry.path().extension() != ".yaml") continue;
    const auto text = read_file(entry.path());
    const std::string mark = "# yaml-language-server: $schema=";
    ASSERT_TRUE(text.starts_with(mark)) << entry.path();
    const auto named = text.substr(mark.size(), text.find('\n') - mark.size());
    EXPECT_TRUE(
        std::filesystem::equivalent(entry.path().parent_path() / named, kRoot / "docs/training_config.schema.json"))
        << entry.path();
  }
}

}  // namespace
}  // namespace slm
