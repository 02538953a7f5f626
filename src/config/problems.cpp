#include "config/problems.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace slm {

std::string Location::text() const { return line == 0 ? origin : fmt::format("{}:{}:{}", origin, line, column); }

void Problems::add(const Location& at, std::string_view text) { found_.push_back({at, std::string(text)}); }

std::tuple<size_t, int, int> Problems::order_of(const Problem& problem) const {
  const auto& at = problem.at;
  const auto file = std::find(files_.begin(), files_.end(), at.origin) - files_.begin();
  return {static_cast<size_t>(file), at.line, at.column};  // an override is in none of the files, so it comes last
}

void Problems::raise() const {
  auto sorted = found_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const Problem& a, const Problem& b) { return order_of(a) < order_of(b); });
  std::string message;
  for (const auto& problem : sorted) {
    if (!message.empty()) message += '\n';
    message += fmt::format("{}: {}", problem.at.text(), problem.text);
  }
  throw Error(ExitCode::kUsage, message);
}

}  // namespace slm
