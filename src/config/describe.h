// A config as text: printed, explained, compared.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/field.h"
#include "config/training_config.h"

namespace slm {

/// One field of one config.
struct FieldInfo {
  std::string group;  // title of the fields that belong together; the block's name inside a block
  std::string key;    // dotted: model.n_layers
  std::string type;   // "a whole number", ...
  std::string value;  // as YAML writes it, without loss
  Constraint constraint;
  Resume resume = Resume::kFixed;
  std::string doc;
};

/// Every field in the order of the structs, with the values of `config`.
std::vector<FieldInfo> list_fields(const TrainingConfig& config);

/// All dotted keys, in the order of the structs.
std::vector<std::string> config_keys();

/// YAML that loads to an equal config; a field that has no effect beside the others stands there as a comment.
std::string print_config(const TrainingConfig& config);

/// Type, default, allowed values, resume rule and meaning of one key. Error (kUsage) with the nearest key otherwise.
std::string explain(std::string_view key);

/// A line for each key, under the titles of its group.
std::string explain_all();

/// Where two configs differ.
struct FieldDifference {
  std::string key;
  std::string left, right;  // values as YAML
  Resume resume = Resume::kFixed;
};
std::vector<FieldDifference> diff(const TrainingConfig& left, const TrainingConfig& right);

}  // namespace slm
