// A key that nothing reads is an option that is accepted and ignored.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <string>

#include "config/describe.h"
#include "core/file.h"

namespace slm {
namespace {

bool includes_config(const std::filesystem::path& path) {
  return std::filesystem::exists(path) && read_file(path).find("#include \"config/") != std::string::npos;
}

/// The text of all sources that, themselves or through their own header, include a config struct; without src/config.
std::string readers() {
  const auto source = std::filesystem::path(SLM_SOURCE_DIR) / "src";
  std::string text;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source)) {
    const auto& path = entry.path();
    if (!entry.is_regular_file() || *path.lexically_relative(source).begin() == "config") continue;
    auto header = path;
    if (includes_config(path) || includes_config(header.replace_extension(".h"))) text += read_file(path);
  }
  return text;
}

TEST(ConfigKeys, EachIsReadSomewhere) {
  // What these say is asked of a function of src/config, or reaches the program through another key.
  const std::map<std::string, std::string> elsewhere = {{"max_steps", "planned_steps\\("},
                                                        {"max_tokens", "planned_steps\\("},
                                                        {"wsd_decay_steps", "wsd_decay_steps\\("},
                                                        {"tokens_per_step", "[.>]gradient_accumulation_steps\\b"}};
  const auto text = readers();
  for (const auto& key : config_keys()) {
    const auto name = key.substr(key.rfind('.') + 1);
    const auto found = elsewhere.find(name);
    const auto pattern = found == elsewhere.end() ? "(\\.|->)" + name + "\\b" : found->second;
    EXPECT_TRUE(std::regex_search(text, std::regex(pattern))) << key << ": nothing outside src/config reads it";
  }
}

}  // namespace
}  // namespace slm
