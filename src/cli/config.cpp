// slm config: checks, prints, explains and compares training configs.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "config/describe.h"
#include "config/explain.h"
#include "config/load.h"
#include "config/resolve.h"
#include "config/schema.h"

namespace slm::cli {
namespace {

struct ConfigArguments {
  std::string file, other, key;
  std::vector<std::string> overrides;
  bool markdown = false;
};

/// A config as it was read and as it is with what follows from it.
struct ResolvedConfig {
  LoadedConfig loaded;
  TrainingConfig resolved;
};

ResolvedConfig load_resolved(const std::string& path, const std::vector<std::string>& overrides = {}) {
  auto loaded = load_config(find_config(path), overrides);
  auto resolved = loaded.config;
  resolve_defaults(resolved);
  return {std::move(loaded), std::move(resolved)};
}

void print_difference(const ConfigArguments& arguments) {
  const auto left = load_resolved(arguments.file).resolved, right = load_resolved(arguments.other).resolved;
  auto rows = diff(left, right);
  if (rows.empty()) {
    fmt::print("no key differs\n");
    return;
  }
  rows.insert(rows.begin(), {.key = "key", .left = arguments.file, .right = arguments.other});
  size_t key_width = 0, left_width = 0;
  for (const auto& row : rows) {
    key_width = std::max(key_width, row.key.size());
    left_width = std::max(left_width, row.left.size());
  }
  for (const auto& row : rows) {
    fmt::print("{:<{}}  {:<{}}  {}\n", row.key, key_width, row.left, left_width, row.right);
  }
}

void add_file_and_overrides(CLI::App& command, ConfigArguments& arguments) {
  command.add_option("FILE", arguments.file, "The YAML file, or the folder of a run or a checkpoint")->required();
  command.add_option("key=value", arguments.overrides,
                     "Values that take the place of the file's, as in model.n_layers=2");
}

void add_check(CLI::App& config, const std::shared_ptr<ConfigArguments>& arguments) {
  auto* command = config.add_subcommand("check", "Read a config and report everything that is wrong with it");
  add_file_and_overrides(*command, *arguments);
  command->footer("Example:\n  slm config check configs/quickstart.yaml learning_rate=3e-4");
  command->callback([arguments] {
    load_resolved(arguments->file, arguments->overrides);
    fmt::print("{}: valid\n", arguments->file);
  });
}

void add_print(CLI::App& config, const std::shared_ptr<ConfigArguments>& arguments) {
  auto* command = config.add_subcommand(
      "print", "Print a config with everything that follows from it, as YAML, and where each value came from");
  add_file_and_overrides(*command, *arguments);
  command->footer("Example:\n  slm config print configs/quickstart.yaml model.n_layers=2 > my.yaml");
  command->callback([arguments] {
    const auto [loaded, resolved] = load_resolved(arguments->file, arguments->overrides);
    fmt::print("{}", print_config(resolved, describe_origins(loaded, resolved)));
  });
}

void add_explain(CLI::App& config, const std::shared_ptr<ConfigArguments>& arguments) {
  auto* command = config.add_subcommand("explain", "Say what a key means, what it may be and what it is by default");
  command->add_option("KEY", arguments->key, "A dotted key, or a block; without it, a line for every key");
  command->footer("Examples:\n  slm config explain model.n_kv_heads\n  slm config explain data\n  slm config explain");
  command->callback(
      [arguments] { fmt::print("{}", arguments->key.empty() ? explain_all() : explain(arguments->key)); });
}

void add_list(CLI::App& config, const std::shared_ptr<ConfigArguments>& arguments) {
  auto* command = config.add_subcommand("list", "A table of every key: default, resume rule, allowed values");
  command->add_flag("--markdown", arguments->markdown, "A page of Markdown with meanings: docs/configuration.md");
  command->footer("Examples:\n  slm config list\n  slm config list --markdown");
  command->callback([arguments] { fmt::print("{}", arguments->markdown ? markdown_page() : list_keys()); });
}

void add_schema(CLI::App& config) {
  auto* command = config.add_subcommand("schema", "Print the JSON Schema (draft 7) of a config file, for editors");
  command->footer("Example:\n  slm config schema > slm.schema.json");
  command->callback([] { fmt::print("{}", config_schema()); });
}

void add_diff(CLI::App& config, const std::shared_ptr<ConfigArguments>& arguments) {
  auto* command = config.add_subcommand("diff", "The keys whose resolved values differ, with both values");
  command->add_option("A", arguments->file, "A config, or the folder of a run or a checkpoint")->required();
  command->add_option("B", arguments->other, "Another")->required();
  command->footer(
      "Examples:\n"
      "  slm config diff configs/shakespeare_llama.yaml configs/shakespeare_gpt2.yaml\n"
      "  slm config diff configs/quickstart.yaml runs/quickstart/checkpoints/latest");
  command->callback([arguments] { print_difference(*arguments); });
}

}  // namespace

void add_config(CLI::App& app, int& /*exit_code*/) {
  auto* config = app.add_subcommand("config", "Check, print, explain and compare training configs");
  config->require_subcommand(1);
  config->footer(
      "Examples:\n"
      "  slm config check configs/quickstart.yaml\n"
      "  slm config print configs/quickstart.yaml max_steps=100\n"
      "  slm config explain learning_rate\n"
      "  slm config list\n"
      "  slm config diff configs/nano_gpt2.yaml configs/baby_gpt2.yaml");
  const auto arguments = std::make_shared<ConfigArguments>();
  add_check(*config, arguments);
  add_print(*config, arguments);
  add_explain(*config, arguments);
  add_list(*config, arguments);
  add_schema(*config);
  add_diff(*config, arguments);
}

}  // namespace slm::cli
