// The part of YAML that a config may use, as a tree that remembers places: mappings with text keys, lists, scalars.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/problems.h"

namespace slm {

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap, kRefused };  // refused: reported already, has no value

  Kind kind = Kind::kNull;
  std::string text = {};  // of a scalar
  bool quoted = false;    // a scalar in quotes or a block scalar: always text, never a number
  Location at = {};
  std::vector<YamlNode> keys = {};   // of a map, as many as items
  std::vector<YamlNode> items = {};  // of a list or a map
};

/// Parses one document. Anchors, aliases and tags are added to `problems` and the reading goes on; further documents,
/// text that is not YAML or not UTF-8, and nesting too deep are added and end it with nothing.
/// With `has_lines` false (an override) places have no line.
std::optional<YamlNode> parse_yaml(std::string_view text, const std::string& origin, bool has_lines,
                                   Problems& problems);

}  // namespace slm
