#include "config/constraint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "config/scalar.h"

namespace slm {
namespace {

std::string format_bound(double bound) {
  constexpr double kExact = 1e15;
  const bool whole = bound == std::floor(bound) && std::abs(bound) < kExact;
  return whole ? fmt::format("{:.0f}", bound) : format_number(bound);
}

std::string describe_bounds(const Constraint& c) {
  const auto lower = c.lower ? fmt::format("{} {}", c.lower_open ? "above" : "at least", format_bound(*c.lower)) : "";
  const auto upper = c.upper ? fmt::format("{} {}", c.upper_open ? "below" : "at most", format_bound(*c.upper)) : "";
  return lower.empty() || upper.empty() ? lower + upper : fmt::format("{} and {}", lower, upper);
}

}  // namespace

std::string describe_allowed(std::string_view type, const Constraint& constraint) {
  const bool has_word = constraint.unset_word != Constraint{}.unset_word;
  if (!constraint.choices.empty()) {
    return fmt::format("one of {}{}", has_word ? constraint.unset_word + ", " : "",
                       fmt::join(constraint.choices, ", "));
  }
  std::string text(type);
  const auto bounds = describe_bounds(constraint);
  if (!bounds.empty()) text += fmt::format(", {}", bounds);
  if (constraint.non_empty) text += ", not empty";
  if (has_word) text = fmt::format("{} or {}", constraint.unset_word, text);
  return text;
}

bool keeps(const Constraint& constraint, double value) {
  if (!std::isfinite(value)) return false;
  const auto& [lower, upper] = std::pair(constraint.lower, constraint.upper);
  if (lower && (constraint.lower_open ? value <= *lower : value < *lower)) return false;
  return !(upper && (constraint.upper_open ? value >= *upper : value > *upper));
}

bool keeps(const Constraint& constraint, int64_t value) {
  if (!constraint.choices.empty()) return keeps(constraint, std::to_string(value));
  return keeps(constraint, static_cast<double>(value));
}

bool keeps(const Constraint&, bool) { return true; }

bool keeps(const Constraint& constraint, const std::string& value) {
  const auto& choices = constraint.choices;
  if (!choices.empty()) return std::find(choices.begin(), choices.end(), value) != choices.end();
  return !(constraint.non_empty && value.empty());
}

}  // namespace slm
