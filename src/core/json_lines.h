// JSON Lines: a JSON value on each line.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace slm {

struct JsonLine {
  std::string origin;  // "file:line", for messages
  nlohmann::json value;
};

/// Reads a .jsonl file; lines of white space alone are passed over. Error (kData) naming file and line where one is not
/// a JSON object, in strict JSON, or where there is none at all.
std::vector<JsonLine> read_json_lines(const std::filesystem::path& path);

}  // namespace slm
