// A config as a list of fields and as text: printed, compared.
#pragma once

#include <map>
#include <string>
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

/// Every key that a file may hold: those of its header (`base`), then all fields with their defaults.
std::vector<FieldInfo> list_file_keys();

/// All dotted keys of a config, in the order of the structs.
std::vector<std::string> config_keys();

/// "model" of model.n_layers; empty for a key of the run's own.
std::string block_of(const std::string& key);

/// YAML that loads to an equal config; a field that has no effect beside the others stands there as a comment. What
/// `comments` says of a key follows its value; one line each.
std::string print_config(const TrainingConfig& config, const std::map<std::string, std::string>& comments = {});

/// Text with a title wherever another group of fields begins.
class GroupedText {
 public:
  std::string text;

  /// Whether `field` is the first of its group, whose title is then written.
  bool begin(const FieldInfo& field);

 private:
  std::string group_;
};

/// Where two configs differ.
struct FieldDifference {
  std::string key;
  std::string left, right;  // values as YAML
  Resume resume = Resume::kFixed;
};
std::vector<FieldDifference> diff(const TrainingConfig& left, const TrainingConfig& right);

}  // namespace slm
