#include "cli/prompts.h"

#include <filesystem>
#include <sstream>

#include "core/error.h"
#include "core/file.h"
#include "core/json_lines.h"

namespace slm::cli {
namespace {

std::vector<Prompt> read_lines(const std::string& path) {
  std::istringstream lines(read_file(path));
  std::vector<Prompt> prompts;
  for (std::string line; std::getline(lines, line);) {
    prompts.push_back({line, fmt::format("{}:{}", path, prompts.size() + 1)});
  }
  if (prompts.empty()) fail(ExitCode::kData, "{}: empty file; expected a prompt a line", path);
  return prompts;
}

std::vector<Prompt> read_objects(const std::string& path) {
  std::vector<Prompt> prompts;
  for (const auto& [origin, json] : read_json_lines(path)) {
    const auto prompt = json.find("prompt");
    if (prompt == json.end() || !prompt->is_string()) {
      fail(ExitCode::kData, "{}: expected an object with \"prompt\", a string", origin);
    }
    prompts.push_back({prompt->get<std::string>(), origin});
  }
  return prompts;
}

}  // namespace

std::vector<Prompt> read_prompts(const std::string& path) {
  const std::string extension = std::filesystem::path(path).extension();
  if (extension == ".txt") return read_lines(path);
  if (extension == ".jsonl") return read_objects(path);
  fail(ExitCode::kUsage, "--prompts-file: {}: expected .txt (a prompt a line) or .jsonl (objects with \"prompt\")",
       path);
}

}  // namespace slm::cli
