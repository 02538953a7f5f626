#include "config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "config/base_chain.h"
#include "config/check.h"
#include "config/decode.h"
#include "config/describe.h"
#include "config/file_header.h"
#include "config/given_values.h"
#include "config/keyed_visitor.h"
#include "config/problems.h"
#include "config/scalar.h"
#include "core/error.h"
#include "core/file.h"

namespace slm {
namespace {

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

/// Each line as a comment, on lines of their own.
std::string in_comments(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::string out = "\n# ";
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "# ";
  }
  return out;
}

/// The file as it stands, and as comments what else was given.
std::string as_written(const BaseChain& chain, std::span<const std::string> overrides) {
  std::string more;
  for (size_t i = 1; i < chain.files.size(); ++i) {
    const auto& [origin, text, root] = chain.files[i];
    more += in_comments(fmt::format("{} {}:\n{}", FileHeader::kBase, origin, text));
  }
  for (const auto& given : overrides) more += in_comments("override: " + given);
  return more.empty() ? chain.files[0].text : chain.files[0].text + more + '\n';
}

std::map<std::string, std::string> origins_of(const GivenValues& given) {
  std::map<std::string, std::string> origins;
  for (const auto& [key, value] : given.all()) {
    const auto& at = value.key_at;
    origins[key] = at.line == 0 ? "override" : fmt::format("{}:{}", format_text(at.origin), at.line);
  }
  return origins;
}

LoadedConfig load_text(std::string_view yaml, const std::string& origin, std::span<const std::string> overrides) {
  Problems problems;
  auto chain = read_base_chain(yaml, origin, problems);
  if (chain.files.empty()) problems.raise();
  LoadedConfig loaded;
  loaded.written = as_written(chain, overrides);
  GivenValues given(origin, problems);
  if (!chain.complete) given.mark_all_unreadable();
  std::reverse(chain.files.begin(), chain.files.end());  // what a file is based on comes before it
  for (auto& file : chain.files) given.add_file(std::move(file.root));
  for (const auto& text : overrides) given.add_override(text);

  ReadVisitor reader(given, problems);
  loaded.config.visit(reader);
  check_whole(loaded.config, given, problems);
  if (!problems.empty()) problems.raise();
  loaded.origins = origins_of(given);
  return loaded;
}

}  // namespace

TrainingConfig parse_training_config(std::string_view yaml, const std::string& origin,
                                     std::span<const std::string> overrides) {
  return load_text(yaml, origin, overrides).config;
}

LoadedConfig load_config(const std::filesystem::path& path, std::span<const std::string> overrides) {
  std::string text;
  try {
    text = read_file(path);
  } catch (const Error& error) {
    throw Error(ExitCode::kUsage, error.what());  // a config that cannot be read is a wrong command line
  }
  return load_text(text, path.string(), overrides);
}

TrainingConfig load_training_config(const std::filesystem::path& path, std::span<const std::string> overrides) {
  return load_config(path, overrides).config;
}

std::filesystem::path find_config(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return path;
  for (const char* name : {"config.resolved.yaml", "training_config.yaml"}) {
    if (std::filesystem::exists(path / name)) return path / name;
  }
  fail(ExitCode::kUsage,
       "{}: found neither config.resolved.yaml nor training_config.yaml; expected a config, a run's folder or a "
       "checkpoint",
       path.string());
}

std::map<std::string, std::string> describe_origins(const LoadedConfig& loaded, const TrainingConfig& resolved) {
  auto origins = loaded.origins;
  for (const auto& changed : diff(loaded.config, resolved)) origins.emplace(changed.key, "follows from other keys");
  for (const auto& key : config_keys()) origins.emplace(key, "default");
  return origins;
}

}  // namespace slm
