// From a YAML value to the C++ value of a field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/constraint.h"
#include "config/data_config.h"
#include "config/field.h"
#include "config/yaml_document.h"

namespace slm {

/// What is wrong with a value, and where.
struct DecodeProblem {
  Location at;
  std::string text;  // "found ..., expected ..."
};

/// Each sets `out` and returns nothing, or leaves it and returns the problem.
std::optional<DecodeProblem> decode(const YamlNode& node, const Constraint& constraint, int64_t& out);
std::optional<DecodeProblem> decode(const YamlNode& node, const Constraint& constraint, double& out);
std::optional<DecodeProblem> decode(const YamlNode& node, const Constraint& constraint, bool& out);
std::optional<DecodeProblem> decode(const YamlNode& node, const Constraint& constraint, std::string& out);
std::optional<DecodeProblem> decode(const YamlNode& node, const Constraint& constraint, std::vector<std::string>& out);
std::optional<DecodeProblem> decode(const YamlNode& node, const Constraint& constraint, std::vector<TextSource>& out);

/// Whether the value says "not given": null, or the field's own word for it.
bool says_unset(const YamlNode& node, const Constraint& constraint);

template <class T>
std::optional<DecodeProblem> decode(const YamlNode& node, const Constraint& constraint, std::optional<T>& out) {
  if (says_unset(node, constraint)) {
    out.reset();
    return std::nullopt;
  }
  T value{};
  auto problem = decode(node, constraint, value);
  if (!problem) out = std::move(value);
  return problem;
}

}  // namespace slm
