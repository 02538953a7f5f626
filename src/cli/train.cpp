#include "training/train.h"

#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "config/load.h"
#include "core/error.h"
#include "training/dry_run.h"

namespace slm::cli {
namespace {

struct TrainArguments {
  std::string config, dry_run;
  std::vector<std::string> overrides;
};

int run_dry(const TrainArguments& arguments) {
  const bool takes_steps = arguments.dry_run == "step";
  if (!takes_steps && arguments.dry_run != "plan") {
    fail(ExitCode::kUsage, "--dry-run: found {}, expected plan or step", arguments.dry_run);
  }
  const auto result = dry_run(load_training_config(arguments.config, arguments.overrides), takes_steps);
  fmt::print("{}", result.plan);
  return result.signal == 0 ? 0 : 128 + result.signal;
}

int run_train(const TrainArguments& arguments) {
  if (!arguments.dry_run.empty()) return run_dry(arguments);
  const auto loaded = load_config(arguments.config, arguments.overrides);
  const auto outcome = train(loaded.config, loaded.written);
  if (outcome.evaluation) {
    fmt::print("validation loss {:.4f}  perplexity {:.3f}  bits per byte {:.4f}\n", outcome.evaluation->loss,
               outcome.evaluation->perplexity, outcome.evaluation->bits_per_byte);
  }
  if (outcome.checkpoint) fmt::print("checkpoint {}\n", outcome.checkpoint->string());
  if (outcome.quantized) fmt::print("quantized checkpoint {}\n", outcome.quantized->string());
  if (outcome.signal != 0) return 128 + outcome.signal;
  return outcome.save_failed ? 1 : 0;
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("train", "Train a model from a YAML config");
  auto arguments = std::make_shared<TrainArguments>();
  command->add_option("config", arguments->config, "Config file, see slm config list")->required();
  command->add_option("overrides", arguments->overrides, "key=value, replaces the config's value");
  command->add_flag("--dry-run{plan}", arguments->dry_run,
                    "Build everything, print plan, memory and an estimate of the time, and write nothing; "
                    "--dry-run=step takes a step as well and measures it");
  command->footer(
      "Examples:\n"
      "  slm train configs/quickstart.yaml\n"
      "  slm train configs/shakespeare_llama.yaml data.train=input.txt output_dir=runs/mine max_steps=500\n"
      "  slm train configs/quickstart.yaml resume=auto\n"
      "  slm train configs/quickstart.yaml --dry-run=step");
  command->callback([arguments, &exit_code] { exit_code = run_train(*arguments); });
}

}  // namespace slm::cli
