// Reading a config: YAML, strictly, and overrides.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "config/training_config.h"

namespace slm {

/// Reads `path` with what it is based on (`base:`), and then `overrides`, each `key=value` (dotted key, split at the
/// first `=`, value read as YAML; `null` takes the file's value back). Fields that are not given keep their defaults;
/// see resolve_defaults. Strict: an unknown or doubled key, a wrong type, a value out of range, keys that contradict
/// each other, and YAML's anchors, aliases, tags and further documents are errors, all reported together in one `Error`
/// (kUsage), a line each: `file:line:column: key: what was found, what was expected`.
TrainingConfig load_training_config(const std::filesystem::path& path, std::span<const std::string> overrides = {});

/// The same for text; `origin` stands in messages where the file's path would.
TrainingConfig parse_training_config(std::string_view yaml, const std::string& origin,
                                     std::span<const std::string> overrides = {});

/// A config with where it came from.
struct LoadedConfig {
  TrainingConfig config;
  std::map<std::string, std::string> origins;  // of the keys that are given: "configs/a.yaml:12" or "override"
  std::string written;                         // the file's text; its bases and the overrides follow as comments
};
LoadedConfig load_config(const std::filesystem::path& path, std::span<const std::string> overrides = {});

/// For every key where its value in `resolved` came from: origins, "follows from other keys", or "default".
std::map<std::string, std::string> describe_origins(const LoadedConfig& loaded, const TrainingConfig& resolved);

/// The config of what a person names: a file is itself, a run's folder or a checkpoint holds one. Error (kUsage) for
/// another folder.
std::filesystem::path find_config(const std::filesystem::path& path);

}  // namespace slm
