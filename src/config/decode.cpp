#include "config/decode.h"

#include <fmt/format.h>

#include "config/scalar.h"
#include "config/suggest.h"

namespace slm {
namespace {

using Kind = YamlNode::Kind;

bool is_plain(const YamlNode& node) { return node.kind == Kind::kScalar && !node.quoted; }

std::string describe_found(const YamlNode& node) {
  switch (node.kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a block of keys";
    case Kind::kRefused:
      return "an alias";
    case Kind::kScalar:
      break;
  }
  constexpr size_t kShown = 60;
  const auto shown = node.text.size() > kShown ? node.text.substr(0, kShown) + "..." : node.text;
  return node.quoted ? fmt::format("the text {}", quote_text(shown)) : fmt::format("'{}'", shown);
}

DecodeProblem unexpected(const YamlNode& node, std::string_view type, const Constraint& constraint) {
  return {node.at, fmt::format("found {}, expected {}", describe_found(node), describe_allowed(type, constraint))};
}

}  // namespace

bool says_unset(const YamlNode& node, const Constraint& constraint) {
  if (constraint.unset_word == Constraint{}.unset_word) return node.kind == Kind::kNull;
  return is_plain(node) && node.text == constraint.unset_word;
}

std::optional<DecodeProblem> decode(const YamlNode& node, const Constraint& constraint, int64_t& out) {
  const auto value = is_plain(node) ? parse_whole_number(node.text) : std::nullopt;
  if (!value || !keeps(constraint, *value)) return unexpected(node, type_name(out), constraint);
  out = *value;
  return std::nullopt;
}

std::optional<DecodeProblem> decode(const YamlNode& node, const Constraint& constraint, double& out) {
  const auto value = is_plain(node) ? parse_number(node.text) : std::nullopt;
  if (!value || !keeps(constraint, *value)) return unexpected(node, type_name(out), constraint);
  out = *value;
  return std::nullopt;
}

std::optional<DecodeProblem> decode(const YamlNode& node, const Constraint& constraint, bool& out) {
  const bool is_true = is_plain(node) && node.text == "true";
  if (!is_true && !(is_plain(node) && node.text == "false")) return unexpected(node, type_name(out), constraint);
  out = is_true;
  return std::nullopt;
}

std::optional<DecodeProblem> decode(const YamlNode& node, const Constraint& constraint, std::string& out) {
  const bool is_text = node.kind == Kind::kScalar && !(is_plain(node) && needs_quotes(node.text));
  if (!is_text || !keeps(constraint, node.text)) {
    auto problem = unexpected(node, type_name(out), constraint);
    if (node.kind == Kind::kScalar && !is_text && constraint.choices.empty()) {
      problem.text += fmt::format("; write {} if text is meant", quote_text(node.text));
    }
    const auto near = is_text ? nearest_name(node.text, constraint.choices) : std::nullopt;
    if (near) problem.text += fmt::format("; did you mean {}?", *near);
    return problem;
  }
  if (node.text.find('\0') != std::string::npos) {
    return DecodeProblem{node.at, "found text with a NUL character, expected text without"};
  }
  out = node.text;
  return std::nullopt;
}

std::optional<DecodeProblem> decode(const YamlNode& node, const Constraint& constraint, std::vector<std::string>& out) {
  std::vector<std::string> values;
  const auto append = [&](const YamlNode& item) { return decode(item, constraint, values.emplace_back()); };
  if (node.kind == Kind::kScalar) {
    if (auto problem = append(node)) return problem;
  } else if (node.kind == Kind::kList) {
    for (const auto& item : node.items) {
      if (auto problem = append(item)) return problem;
    }
  } else {
    return unexpected(node, "text or a list of texts", Constraint{});
  }
  out = std::move(values);
  return std::nullopt;
}

}  // namespace slm
