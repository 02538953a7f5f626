#include "config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "config/check.h"
#include "config/decode.h"
#include "config/describe.h"
#include "config/keyed_visitor.h"
#include "config/problems.h"
#include "config/suggest.h"
#include "config/yaml_document.h"
#include "core/error.h"
#include "core/file.h"

namespace slm {
namespace {

/// Every known key, and the blocks that they lie in.
struct KnownKeys {
  std::vector<std::string> keys = config_keys();
  std::set<std::string> blocks = blocks_of(keys);

  bool has(const std::string& key) const { return std::find(keys.begin(), keys.end(), key) != keys.end(); }

  static std::set<std::string> blocks_of(const std::vector<std::string>& keys) {
    std::set<std::string> blocks;
    for (const auto& key : keys) {
      const auto dot = key.find('.');
      if (dot != std::string::npos) blocks.insert(key.substr(0, dot));
    }
    return blocks;
  }
};

/// The values that file and overrides give, by dotted key, with all that is wrong about the keys.
class GivenValues {
 public:
  struct Value {
    Location key_at;
    YamlNode node;
  };

  GivenValues(const std::string& origin, Problems& problems) : start_{origin, 1, 1}, problems_(problems) {}

  void add_file(YamlNode root) {
    if (root.kind == YamlNode::Kind::kNull) return;
    if (root.kind != YamlNode::Kind::kMap) {
      problems_.add(root.at, "found no keys, expected a block of `key: value` lines");
      for (const auto& key : known_.keys) mark_unreadable(key);
      return;
    }
    add_block(std::move(root), "");
  }

  void add_override(const std::string& text) {
    const Location at{fmt::format("override '{}'", text)};
    const auto equals = text.find('=');
    const auto key = text.substr(0, equals);
    if (equals == std::string::npos) {
      problems_.add(at, "found no '=', expected key=value");
    } else if (known_.blocks.contains(key)) {
      problems_.add(at, fmt::format("{0} is a block; expected one of its keys, {0}.KEY=value", key));
    } else if (!known_.has(key)) {
      add_unknown(at, key);
    } else if (!overridden_.insert(key).second) {
      problems_.add(at, fmt::format("{}: overridden twice", key));
    } else {
      set_override(at, key, text.substr(equals + 1));
    }
  }

  const Value* find(const std::string& key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : &found->second;
  }

  /// Where to point for a problem of `keys`: the first that is given, or else its block, or else the file's beginning.
  Location locate(const std::vector<std::string>& keys) const {
    for (const auto& key : keys) {
      if (const auto* value = find(key)) return value->key_at;
    }
    const auto block = block_at_.find(keys[0].substr(0, keys[0].find('.')));
    return block == block_at_.end() ? start_ : block->second;
  }

  /// A key whose value is not known, because what stands in the file cannot be read or is misspelt; what follows from
  /// the value is not a second problem.
  void mark_unreadable(const std::string& key) { unreadable_.insert(key); }
  bool all_readable(const std::vector<std::string>& keys) const {
    return std::none_of(keys.begin(), keys.end(), [&](const auto& key) { return unreadable_.contains(key); });
  }

 private:
  void add_block(YamlNode block, const std::string& prefix) {
    std::map<std::string, Location> seen;
    for (size_t i = 0; i < block.keys.size(); ++i) {
      const auto& key = block.keys[i];
      if (key.kind != YamlNode::Kind::kScalar) {
        problems_.add(key.at, "found a key that is not text");
        continue;
      }
      const auto path = prefix + key.text;
      const auto [first, is_new] = seen.emplace(key.text, key.at);
      if (!is_new) {
        problems_.add(key.at, fmt::format("{}: doubled key; it stands in line {} already", path, first->second.line));
      } else {
        add_entry(key, path, std::move(block.items[i]), prefix.empty());
      }
    }
  }

  void add_entry(const YamlNode& key, const std::string& path, YamlNode value, bool top_level) {
    const bool dotted = key.text.find('.') != std::string::npos;
    if (top_level && known_.blocks.contains(key.text)) {
      block_at_[key.text] = key.at;
      if (value.kind == YamlNode::Kind::kMap) {
        add_block(std::move(value), path + ".");
      } else if (value.kind != YamlNode::Kind::kNull) {
        problems_.add(value.at, fmt::format("{}: expected a block of keys", path));
        mark_block_unreadable(path);
      }
    } else if (!dotted && known_.has(path)) {
      if (value.kind == YamlNode::Kind::kNull) value.at = key.at;
      values_[path] = {key.at, std::move(value)};
    } else if (dotted && known_.has(path)) {
      const auto dot = path.find('.');
      problems_.add(key.at, fmt::format("{}: dotted keys are for overrides; write {} inside the block {}:", path,
                                        path.substr(dot + 1), path.substr(0, dot)));
      mark_unreadable(path);
    } else {
      add_unknown(key.at, path);
    }
  }

  void add_unknown(const Location& at, const std::string& path) {
    std::string text = fmt::format("{}: unknown key", path);
    std::vector<std::string> blocks(known_.blocks.begin(), known_.blocks.end());
    const bool dotted = path.find('.') != std::string::npos;
    const auto block = dotted ? std::nullopt : nearest_name(path, blocks);
    const auto key = nearest_key(path, known_.keys);
    if (key) {
      text += fmt::format("; did you mean {}?", *key);
      mark_unreadable(*key);
    } else if (block) {
      text += fmt::format("; did you mean {}?", *block);
      mark_block_unreadable(*block);
    }
    problems_.add(at, text);
  }

  void mark_block_unreadable(const std::string& block) {
    for (const auto& key : known_.keys) {
      if (key.starts_with(block + ".")) mark_unreadable(key);
    }
  }

  void set_override(const Location& at, const std::string& key, const std::string& yaml) {
    auto node = parse_yaml(yaml, at.origin, /*has_lines=*/false, problems_);
    values_.erase(key);
    if (!node) {
      mark_unreadable(key);
    } else if (node->kind != YamlNode::Kind::kNull) {
      values_[key] = {at, std::move(*node)};
    }
  }

  KnownKeys known_;
  Location start_;
  Problems& problems_;
  std::map<std::string, Value> values_;
  std::map<std::string, Location> block_at_;
  std::set<std::string> overridden_, unreadable_;
};

/// Sets every field that is given.
class ReadVisitor : public KeyedVisitor<ReadVisitor> {
 public:
  ReadVisitor(GivenValues& given, Problems& problems) : given_(given), problems_(problems) {}

  template <class T>
  void field(std::string_view name, T& member, const Constraint& constraint, Resume, std::string_view) {
    const auto key = key_of(name);
    const auto* value = given_.find(key);
    if (!value) return;
    if (value->node.kind == YamlNode::Kind::kRefused) {
      given_.mark_unreadable(key);
      return;
    }
    if (const auto problem = decode(value->node, constraint, member)) {
      problems_.add(problem->at, fmt::format("{}: {}", key, problem->text));
      given_.mark_unreadable(key);
    }
  }

 private:
  GivenValues& given_;
  Problems& problems_;
};

void check_whole(const TrainingConfig& config, const GivenValues& given, Problems& problems) {
  auto found = find_missing(config);
  const auto contradictions = find_contradictions(config);
  found.insert(found.end(), contradictions.begin(), contradictions.end());
  for (auto& unused : find_unused(config)) {
    if (!given.find(unused.keys[0])) continue;
    unused.text += fmt::format("; remove it (as an override: {}=null)", unused.keys[0]);
    found.push_back(unused);
  }
  for (const auto& problem : found) {
    if (!given.all_readable(problem.keys)) continue;
    problems.add(given.locate(problem.keys), fmt::format("{}: {}", problem.keys[0], problem.text));
  }
}

}  // namespace

TrainingConfig parse_training_config(std::string_view yaml, const std::string& origin,
                                     std::span<const std::string> overrides) {
  Problems problems;
  GivenValues given(origin, problems);
  auto root = parse_yaml(yaml, origin, /*has_lines=*/true, problems);
  if (!root) problems.raise();
  given.add_file(std::move(*root));
  for (const auto& text : overrides) given.add_override(text);

  TrainingConfig config;
  ReadVisitor reader(given, problems);
  config.visit(reader);
  check_whole(config, given, problems);
  if (!problems.empty()) problems.raise();
  return config;
}

TrainingConfig load_training_config(const std::filesystem::path& path, std::span<const std::string> overrides) {
  std::string text;
  try {
    text = read_file(path);
  } catch (const Error& error) {
    throw Error(ExitCode::kUsage, error.what());  // a config that cannot be read is a wrong command line
  }
  return parse_training_config(text, path.string(), overrides);
}

}  // namespace slm
