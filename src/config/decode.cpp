#include "config/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

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

// One item, or a list of them.
template <class T, class DecodeItem>
std::optional<DecodeProblem> decode_items(const YamlNode& node, std::vector<T>& out, const DecodeItem& decode_item) {
  std::vector<T> values;
  if (node.kind != Kind::kList) {
    if (auto problem = decode_item(node, values.emplace_back())) return problem;
  } else {
    for (const auto& item : node.items) {
      if (auto problem = decode_item(item, values.emplace_back())) return problem;
    }
  }
  out = std::move(values);
  return std::nullopt;
}

std::optional<DecodeProblem> decode_part(const std::string& key, const YamlNode& value, const Constraint& constraint,
                                         TextSource& out) {
  if (key == "path") return decode(value, constraint, out.path);
  if (key == "weight") return decode(value, TextSource::weights(), out.weight);
  return decode(value, TextSource::formats(), out.format);
}

// A block {path, weight, format}.
std::optional<DecodeProblem> decode_block(const YamlNode& node, const Constraint& constraint, TextSource& out) {
  static const std::vector<std::string> kParts = {"path", "weight", "format"};
  std::set<std::string> seen;
  for (size_t i = 0; i < node.keys.size(); ++i) {
    const auto& key = node.keys[i];
    if (std::find(kParts.begin(), kParts.end(), key.text) == kParts.end()) {
      const auto near = nearest_name(key.text, kParts);
      return DecodeProblem{key.at, fmt::format("{}: unknown key of an entry; {}", key.text,
                                               near ? fmt::format("did you mean {}?", *near)
                                                    : std::string("expected path, weight or format"))};
    }
    if (!seen.insert(key.text).second) return DecodeProblem{key.at, fmt::format("{}: doubled key", key.text)};
    if (auto problem = decode_part(key.text, node.items[i], constraint, out)) {
      problem->text = fmt::format("{}: {}", key.text, problem->text);
      return problem;
    }
  }
  if (!seen.contains("path")) return DecodeProblem{node.at, "path: missing; expected a file of this entry"};
  return std::nullopt;
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
  if (node.kind != Kind::kScalar && node.kind != Kind::kList) {
    return unexpected(node, "text or a list of texts", Constraint{});
  }
  return decode_items(node, out,
                      [&](const YamlNode& item, std::string& value) { return decode(item, constraint, value); });
}

std::optional<DecodeProblem> decode(const YamlNode& node, const Constraint& constraint, std::vector<TextSource>& out) {
  if (node.kind == Kind::kNull || node.kind == Kind::kRefused) {
    return unexpected(node, "text, a block {path, weight, format}, or a list of them", Constraint{});
  }
  return decode_items(node, out, [&](const YamlNode& item, TextSource& value) {
    return item.kind == Kind::kMap ? decode_block(item, constraint, value) : decode(item, constraint, value.path);
  });
}

}  // namespace slm
