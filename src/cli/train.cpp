#include "training/train.h"

#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "config/load.h"
#include "core/file.h"

namespace slm::cli {
namespace {

struct TrainArguments {
  std::string config;
  std::vector<std::string> overrides;
};

int run_train(const TrainArguments& arguments) {
  const auto config = load_training_config(arguments.config, arguments.overrides);
  std::string text = read_file(arguments.config);
  for (const auto& override_text : arguments.overrides) text += "\n# override: " + override_text;
  if (!arguments.overrides.empty()) text += "\n";
  const auto outcome = train(config, text);
  if (outcome.evaluation) {
    fmt::print("validation loss {:.4f}  perplexity {:.3f}  bits per byte {:.4f}\n", outcome.evaluation->loss,
               outcome.evaluation->perplexity, outcome.evaluation->bits_per_byte);
  }
  if (outcome.checkpoint) fmt::print("checkpoint {}\n", outcome.checkpoint->string());
  if (outcome.signal != 0) return 128 + outcome.signal;
  return outcome.save_failed ? 1 : 0;
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("train", "Train a model from a YAML config");
  auto arguments = std::make_shared<TrainArguments>();
  command->add_option("config", arguments->config, "Config file, see slm config explain")->required();
  command->add_option("overrides", arguments->overrides, "key=value, replaces the config's value");
  command->footer(
      "Examples:\n"
      "  slm train configs/quickstart.yaml\n"
      "  slm train configs/shakespeare_llama.yaml data.train=input.txt output_dir=runs/mine max_steps=500\n"
      "  slm train configs/quickstart.yaml resume=auto");
  command->callback([arguments, &exit_code] { exit_code = run_train(*arguments); });
}

}  // namespace slm::cli
