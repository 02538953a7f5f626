// Enumerators and the names that configs and files call them by, in one table each.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace slm {

template <class Enum, size_t N>
using Names = std::array<std::pair<Enum, std::string_view>, N>;

template <class Enum, size_t N>
std::string_view name_in(const Names<Enum, N>& names, Enum value) {
  for (const auto& [each, name] : names) {
    if (each == value) return name;
  }
  SLM_CHECK(false);
  return {};
}

/// Error (kUsage) beginning with `origin` for a name that there is not.
template <class Enum, size_t N>
Enum value_in(const Names<Enum, N>& names, std::string_view name, std::string_view origin) {
  std::string known;
  for (const auto& [value, each] : names) {
    if (each == name) return value;
    known += (known.empty() ? "" : ", ") + std::string(each);
  }
  fail(ExitCode::kUsage, "{}: found \"{}\", expected one of {}", origin, name, known);
}

}  // namespace slm
