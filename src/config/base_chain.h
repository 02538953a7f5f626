// A config file with the files that it is based on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/problems.h"
#include "config/yaml_document.h"

namespace slm {

struct ConfigFile {
  std::string origin;  // its path, as messages name it
  std::string text;
  YamlNode root;
};

struct BaseChain {
  std::vector<ConfigFile> files;  // the file itself, its base, the base's base, and so on
  bool complete = true;           // false: the chain ends at a file that cannot be read
};

/// Parses `text` and follows `base:`. What cannot be read, and a base that leads back to a file of the chain, is added
/// to `problems` and ends the chain; where `text` itself is no YAML there are no files.
BaseChain read_base_chain(std::string_view text, const std::string& origin, Problems& problems);

}  // namespace slm
