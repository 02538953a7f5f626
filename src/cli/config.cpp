// slm config: checks, prints and explains a training config.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "config/describe.h"
#include "config/load.h"
#include "config/resolve.h"

namespace slm::cli {
namespace {

struct ConfigArguments {
  std::string file, key;
  std::vector<std::string> overrides;
};

TrainingConfig load_resolved(const ConfigArguments& arguments) {
  auto config = load_training_config(arguments.file, arguments.overrides);
  resolve_defaults(config);
  return config;
}

void add_file_and_overrides(CLI::App& command, ConfigArguments& arguments) {
  command.add_option("FILE", arguments.file, "The YAML file")->required();
  command.add_option("key=value", arguments.overrides,
                     "Values that take the place of the file's, as in model.n_layers=2");
}

void add_check(CLI::App& config, const std::shared_ptr<ConfigArguments>& arguments) {
  auto* command = config.add_subcommand("check", "Read a config and report everything that is wrong with it");
  add_file_and_overrides(*command, *arguments);
  command->footer("Example:\n  slm config check configs/quickstart.yaml learning_rate=3e-4");
  command->callback([arguments] {
    load_resolved(*arguments);
    fmt::print("{}: valid\n", arguments->file);
  });
}

void add_print(CLI::App& config, const std::shared_ptr<ConfigArguments>& arguments) {
  auto* command = config.add_subcommand("print", "Print a config with everything that follows from it, as YAML");
  add_file_and_overrides(*command, *arguments);
  command->footer("Example:\n  slm config print configs/quickstart.yaml model.n_layers=2 > my.yaml");
  command->callback([arguments] { fmt::print("{}", print_config(load_resolved(*arguments))); });
}

void add_explain(CLI::App& config, const std::shared_ptr<ConfigArguments>& arguments) {
  auto* command = config.add_subcommand("explain", "Say what a key means, what it may be and what it is by default");
  command->add_option("KEY", arguments->key, "A dotted key; without it, a line for every key");
  command->footer("Examples:\n  slm config explain\n  slm config explain model.n_kv_heads");
  command->callback(
      [arguments] { fmt::print("{}", arguments->key.empty() ? explain_all() : explain(arguments->key)); });
}

}  // namespace

void add_config(CLI::App& app, int& /*exit_code*/) {
  auto* config = app.add_subcommand("config", "Check, print and explain training configs");
  config->require_subcommand(1);
  config->footer(
      "Examples:\n"
      "  slm config check configs/quickstart.yaml\n"
      "  slm config print configs/quickstart.yaml max_steps=100\n"
      "  slm config explain learning_rate");
  const auto arguments = std::make_shared<ConfigArguments>();
  add_check(*config, arguments);
  add_print(*config, arguments);
  add_explain(*config, arguments);
}

}  // namespace slm::cli
