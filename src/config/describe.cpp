#include "config/describe.h"

#include <fmt/format.h>

#include <iterator>

#include "config/check.h"
#include "config/constraint.h"
#include "config/file_header.h"
#include "config/keyed_visitor.h"
#include "config/scalar.h"

namespace slm {
namespace {

std::string to_yaml(int64_t value) { return fmt::format("{}", value); }
std::string to_yaml(double value) { return format_number(value); }
std::string to_yaml(bool value) { return value ? "true" : "false"; }
std::string to_yaml(const std::string& value) { return format_text(value); }
std::string to_yaml(const TextSource& source) {
  if (!source.weight && !source.format) return to_yaml(source.path);
  std::string block = fmt::format("{{path: {}", to_yaml(source.path));
  if (source.weight) block += fmt::format(", weight: {}", to_yaml(*source.weight));
  if (source.format) block += fmt::format(", format: {}", to_yaml(*source.format));
  return block + "}";
}
template <class T>
std::string to_yaml(const std::vector<T>& values) {
  std::vector<std::string> items;
  for (const auto& value : values) items.push_back(to_yaml(value));
  return fmt::format("[{}]", fmt::join(items, ", "));
}

template <class T>
std::string_view type_name_of(const T& value) {
  return type_name(value);
}
template <class T>
std::string_view type_name_of(const std::optional<T>&) {
  return type_name(T{});
}
std::string_view type_name_of(const std::vector<std::string>&) { return "text or a list of texts"; }
std::string_view type_name_of(const std::vector<TextSource>&) {
  return "text, a block {path, weight, format}, or a list of them";
}

class ListVisitor : public KeyedVisitor<ListVisitor> {
 public:
  void group(std::string_view title) { group_ = title; }

  template <class Block>
  void block(std::string_view name, Block& block, std::string_view doc) {
    group_ = doc;
    KeyedVisitor::block(name, block, doc);
  }

  template <class T>
  void field(std::string_view name, const T& value, const Constraint& constraint, Resume resume, std::string_view doc) {
    add(name, to_yaml(value), type_name_of(value), constraint, resume, doc);
  }

  template <class T>
  void field(std::string_view name, const std::optional<T>& value, const Constraint& constraint, Resume resume,
             std::string_view doc) {
    add(name, value ? to_yaml(*value) : constraint.unset_word, type_name_of(value), constraint, resume, doc);
  }

  std::vector<FieldInfo> fields;

 private:
  void add(std::string_view name, std::string value, std::string_view type, const Constraint& constraint, Resume resume,
           std::string_view doc) {
    fields.push_back({.group = group_,
                      .key = key_of(name),
                      .type = std::string(type),
                      .value = std::move(value),
                      .constraint = constraint,
                      .resume = resume,
                      .doc = std::string(doc)});
  }

  std::string group_;
};

template <class Config>
std::vector<FieldInfo> fields_of(Config config) {
  ListVisitor visitor;
  config.visit(visitor);
  return visitor.fields;
}

}  // namespace

std::vector<FieldInfo> list_fields(const TrainingConfig& config) { return fields_of(config); }

std::vector<FieldInfo> list_file_keys() {
  auto fields = fields_of(FileHeader{});
  auto more = list_fields(TrainingConfig{});
  std::move(more.begin(), more.end(), std::back_inserter(fields));
  return fields;
}

std::vector<std::string> config_keys() {
  std::vector<std::string> keys;
  for (auto& field : list_fields(TrainingConfig{})) keys.push_back(std::move(field.key));
  return keys;
}

std::string block_of(const std::string& key) {
  const auto dot = key.find('.');
  return dot == std::string::npos ? "" : key.substr(0, dot);
}

bool GroupedText::begin(const FieldInfo& field) {
  if (field.group == group_) return false;
  text += fmt::format("{}# {}\n", text.empty() ? "" : "\n", field.group);
  group_ = field.group;
  return true;
}

std::string print_config(const TrainingConfig& config, const std::map<std::string, std::string>& comments) {
  constexpr size_t kCommentColumn = 40;
  std::map<std::string, std::string> unused;
  for (const auto& found : find_unused(config)) unused[found.keys[0]] = found.text;
  GroupedText out;
  for (const auto& field : list_fields(config)) {
    const auto block = block_of(field.key);
    if (out.begin(field) && !block.empty()) out.text += fmt::format("{}:\n", block);
    const auto name = block.empty() ? field.key : field.key.substr(block.size() + 1);
    const auto indent = block.empty() ? "" : "  ";
    const auto found = unused.find(field.key);
    auto line = found == unused.end() ? fmt::format("{}{}: {}", indent, name, field.value)
                                      : fmt::format("{}# {}: {}", indent, name, found->second);
    const auto comment = comments.find(field.key);
    if (found == unused.end() && comment != comments.end()) {
      line = fmt::format("{:<{}}  # {}", line, kCommentColumn, comment->second);
    }
    out.text += line + '\n';
  }
  return out.text;
}

std::vector<FieldDifference> diff(const TrainingConfig& left, const TrainingConfig& right) {
  const auto a = list_fields(left), b = list_fields(right);
  std::vector<FieldDifference> differences;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].value != b[i].value) differences.push_back({a[i].key, a[i].value, b[i].value, a[i].resume});
  }
  return differences;
}

}  // namespace slm
