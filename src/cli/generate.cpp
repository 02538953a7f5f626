#include "generation/generate.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/model_folder.h"
#include "cli/commands.h"
#include "cli/device_option.h"
#include "core/error.h"
#include "kernels/device.h"

namespace slm::cli {
namespace {

struct GenerateArguments {
  std::string checkpoint, prompt;
  std::optional<std::string> device;
  GenerationSettings settings{.max_tokens = 200, .sampling = {.temperature = 0.8}, .stop = {}};
};

void run_generate(const GenerateArguments& arguments) {
  const auto checkpoint = find_checkpoint(arguments.checkpoint);
  verify_or_warn(checkpoint);
  const auto loaded = read_model_folder(checkpoint, {.device = choose_device(arguments.device)});
  if (!loaded.tokenizer) fail(ExitCode::kData, "{}: no tokenizer.json, so no text can be read", checkpoint.string());
  const auto show = [](std::string_view text) {
    fmt::print("{}", text);
    std::fflush(stdout);
  };
  loaded.tokenizer->encode(arguments.prompt, "--prompt");  // before anything is printed
  show(arguments.prompt);
  generate_text(*loaded.model, *loaded.tokenizer, arguments.prompt, arguments.settings, show);
  show("\n");
}

}  // namespace

void add_generate(CLI::App& app, int&) {
  auto* command = app.add_subcommand("generate", "Continue a text");
  auto arguments = std::make_shared<GenerateArguments>();
  auto& settings = arguments->settings;
  auto& sampling = settings.sampling;
  command->add_option("checkpoint", arguments->checkpoint, "Checkpoint, run or Hugging Face folder")->required();
  command->add_option("--prompt", arguments->prompt, "Text to continue")->required();
  command->add_option("--max-tokens", settings.max_tokens, "Tokens to draw at most")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--temperature", sampling.temperature, "0: always the likeliest token")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--top-k", sampling.top_k, "Draw among the k likeliest; 0: all")->check(CLI::NonNegativeNumber);
  command->add_option("--top-p", sampling.top_p, "Draw among the fewest that reach this probability together")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--seed", sampling.seed, "The same seed draws the same text")->capture_default_str();
  command->add_option("--stop", settings.stop, "End before this text; may be given several times")
      ->allow_extra_args(false);
  add_device_option(*command, arguments->device);
  command->footer(
      "Examples:\n"
      "  slm generate runs/quickstart --prompt \"Once\" --max-tokens 300\n"
      "  slm generate runs/quickstart --prompt \"Once\" --temperature 0 --stop $'\\n'");
  command->callback([arguments] { run_generate(*arguments); });
}

}  // namespace slm::cli
