#include "config/problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "core/error.h"

namespace slm {

std::string Location::text() const { return line == 0 ? origin : fmt::format("{}:{}:{}", origin, line, column); }

void Problems::add(const Location& at, std::string_view text) { found_.push_back({at, std::string(text)}); }

void Problems::raise() const {
  auto sorted = found_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Problem& a, const Problem& b) {
    return std::tuple(a.at.line == 0, a.at.line, a.at.column) < std::tuple(b.at.line == 0, b.at.line, b.at.column);
  });
  std::string message;
  for (const auto& problem : sorted) {
    if (!message.empty()) message += '\n';
    message += fmt::format("{}: {}", problem.at.text(), problem.text);
  }
  throw Error(ExitCode::kUsage, message);
}

}  // namespace slm
