#include "core/json_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace slm {

std::vector<JsonLine> read_json_lines(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  std::vector<JsonLine> lines;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const auto line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto origin = fmt::format("{}:{}", path.string(), number);
    lines.push_back({origin, parse_json(line, path.string(), {}, number)});
    if (!lines.back().value.is_object()) fail(ExitCode::kData, "{}: expected a JSON object", origin);
  }
  if (lines.empty()) fail(ExitCode::kData, "{}: no line of JSON; expected an object a line", path.string());
  return lines;
}

}  // namespace slm
