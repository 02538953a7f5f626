// The values that files and overrides give, by dotted key, before any of them is understood.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/problems.h"
#include "config/yaml_document.h"

namespace slm {

/// Gathers values and, in `problems`, all that is wrong about the keys.
class GivenValues {
 public:
  struct Value {
    Location key_at;
    YamlNode node;
  };

  /// What is missing is reported at the beginning of `origin`, where no better place is known.
  GivenValues(const std::string& origin, Problems& problems);

  /// The values of a file take the place of those of files added before, which it is based on; null takes one back.
  void add_file(YamlNode root);
  /// `key=value`; comes after all files.
  void add_override(const std::string& text);

  /// The value of a known key, or null.
  const Value* find(const std::string& key) const;
  const std::map<std::string, Value>& all() const { return values_; }

  /// Where to point for a problem of `keys`: the first that is given, or else its block, or else the file's beginning.
  Location locate(const std::vector<std::string>& keys) const;

  /// A key whose value is not known, because what stands in the file cannot be read or is misspelt; what follows from
  /// the value is not a second problem.
  void mark_unreadable(const std::string& key) { unreadable_.insert(key); }
  void mark_all_unreadable();
  bool all_readable(const std::vector<std::string>& keys) const;

 private:
  void add_block(YamlNode block, const std::string& prefix);
  void add_entry(const YamlNode& key, const std::string& path, YamlNode value, bool top_level);
  void add_known_block(const YamlNode& key, YamlNode value);
  void add_value(const YamlNode& key, const std::string& path, YamlNode value);
  void add_unknown(const Location& at, const std::string& path);
  void mark_block_unreadable(const std::string& block);
  void set_override(const Location& at, const std::string& key, const std::string& yaml);
  bool is_known(const std::string& key) const;

  const std::vector<std::string> keys_;
  const std::set<std::string> blocks_;
  const std::vector<std::string> names_;  // keys, blocks and what only a file has: what may have been meant
  Location start_;
  Problems& problems_;
  std::map<std::string, Value> values_;
  std::map<std::string, Location> block_at_;
  std::set<std::string> overridden_, unreadable_;
};

}  // namespace slm
