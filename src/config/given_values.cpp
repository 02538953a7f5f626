#include "config/given_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "config/describe.h"
#include "config/file_header.h"
#include "config/suggest.h"

namespace slm {
namespace {

using Kind = YamlNode::Kind;

std::set<std::string> blocks_of(const std::vector<std::string>& keys) {
  std::set<std::string> blocks;
  for (const auto& key : keys) {
    const auto dot = key.find('.');
    if (dot != std::string::npos) blocks.insert(key.substr(0, dot));
  }
  return blocks;
}

std::vector<std::string> names_of(std::vector<std::string> keys, const std::set<std::string>& blocks) {
  keys.insert(keys.end(), blocks.begin(), blocks.end());
  keys.emplace_back(FileHeader::kBase);
  return keys;
}

}  // namespace

GivenValues::GivenValues(const std::string& origin, Problems& problems)
    : keys_(config_keys()),
      blocks_(blocks_of(keys_)),
      names_(names_of(keys_, blocks_)),
      start_{origin, 1, 1},
      problems_(problems) {}

void GivenValues::add_file(YamlNode root) {
  if (root.kind == Kind::kNull) return;
  if (root.kind != Kind::kMap) {
    problems_.add(root.at, "found no keys, expected a block of `key: value` lines");
    mark_all_unreadable();
    return;
  }
  add_block(std::move(root), "");
}

void GivenValues::add_override(const std::string& text) {
  const Location at{fmt::format("override '{}'", text)};
  const auto equals = text.find('=');
  const auto key = text.substr(0, equals);
  if (equals == std::string::npos) {
    problems_.add(at, "found no '=', expected key=value");
  } else if (blocks_.contains(key)) {
    problems_.add(at, fmt::format("{0} is a block; expected one of its keys, {0}.KEY=value", key));
  } else if (key == FileHeader::kBase) {
    problems_.add(at, fmt::format("{}: stands in a file only; write a config that names it", key));
  } else if (!is_known(key)) {
    add_unknown(at, key);
  } else if (!overridden_.insert(key).second) {
    problems_.add(at, fmt::format("{}: overridden twice", key));
  } else {
    set_override(at, key, text.substr(equals + 1));
  }
}

const GivenValues::Value* GivenValues::find(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

Location GivenValues::locate(const std::vector<std::string>& keys) const {
  for (const auto& key : keys) {
    if (const auto* value = find(key)) return value->key_at;
  }
  const auto block = block_at_.find(keys[0].substr(0, keys[0].find('.')));
  return block == block_at_.end() ? start_ : block->second;
}

void GivenValues::mark_all_unreadable() { unreadable_.insert(keys_.begin(), keys_.end()); }

bool GivenValues::all_readable(const std::vector<std::string>& keys) const {
  return std::none_of(keys.begin(), keys.end(), [&](const auto& key) { return unreadable_.contains(key); });
}

void GivenValues::add_block(YamlNode block, const std::string& prefix) {
  std::map<std::string, Location> seen;
  for (size_t i = 0; i < block.keys.size(); ++i) {
    const auto& key = block.keys[i];
    if (key.kind != Kind::kScalar) {
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

void GivenValues::add_entry(const YamlNode& key, const std::string& path, YamlNode value, bool top_level) {
  if (top_level && key.text == FileHeader::kBase) return;  // followed already
  const auto dot = key.text.find('.');
  if (top_level && blocks_.contains(key.text)) {
    add_known_block(key, std::move(value));
  } else if (!is_known(path)) {
    add_unknown(key.at, path);
  } else if (dot == std::string::npos) {
    add_value(key, path, std::move(value));
  } else {
    problems_.add(key.at, fmt::format("{}: dotted keys are for overrides; write {} inside the block {}:", path,
                                      path.substr(dot + 1), path.substr(0, dot)));
    mark_unreadable(path);
  }
}

void GivenValues::add_known_block(const YamlNode& key, YamlNode value) {
  block_at_[key.text] = key.at;
  if (value.kind == Kind::kMap) {
    add_block(std::move(value), key.text + ".");
  } else if (value.kind != Kind::kNull) {
    problems_.add(value.at, fmt::format("{}: expected a block of keys", key.text));
    mark_block_unreadable(key.text);
  }
}

void GivenValues::add_value(const YamlNode& key, const std::string& path, YamlNode value) {
  if (value.kind == Kind::kNull) {
    if (values_.erase(path) > 0) return;  // takes the base's value back
    value.at = key.at;
  }
  values_[path] = {key.at, std::move(value)};
}

void GivenValues::add_unknown(const Location& at, const std::string& path) {
  std::string text = fmt::format("{}: unknown key", path);
  if (const auto meant = nearest_key(path, names_)) {
    text += fmt::format("; did you mean {}?", *meant);
    mark_unreadable(*meant);
    if (blocks_.contains(*meant)) mark_block_unreadable(*meant);
    if (*meant == FileHeader::kBase) mark_all_unreadable();
  }
  problems_.add(at, text);
}

void GivenValues::mark_block_unreadable(const std::string& block) {
  for (const auto& key : keys_) {
    if (key.starts_with(block + ".")) mark_unreadable(key);
  }
}

void GivenValues::set_override(const Location& at, const std::string& key, const std::string& yaml) {
  auto node = parse_yaml(yaml, at.origin, /*has_lines=*/false, problems_);
  values_.erase(key);
  if (!node) {
    mark_unreadable(key);
  } else if (node->kind != Kind::kNull) {
    values_[key] = {at, std::move(*node)};
  }
}

bool GivenValues::is_known(const std::string& key) const {
  return std::find(keys_.begin(), keys_.end(), key) != keys_.end();
}

}  // namespace slm
