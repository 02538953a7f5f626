// The part of YAML that a config may use, as a tree that remembers places: mappings with text keys, lists, scalars.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/problems.h"

namespace slm {

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  std::string text = {};  // of a scalar
  bool quoted = false;    // a scalar in quotes or a block scalar: always text, never a number
  Location at = {};
  std::vector<YamlNode> keys = {};   // of a map, as many as items
  std::vector<YamlNode> items = {};  // of a list or a map
};

/// Parses one document. Anchors, aliases, tags, further documents and keys that are not text are added to `problems`;
/// text that is not YAML, not UTF-8, or nested too deeply ends the reading, with everything found so far as an `Error`.
/// With `has_lines` false (an override) places have no line.
YamlNode parse_yaml(std::string_view text, const std::string& origin, bool has_lines, Problems& problems);

}  // namespace slm
