#include "generation/generate.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/generation_config.h"
#include "checkpoint/model_folder.h"
#include "cli/adapter_option.h"
#include "cli/commands.h"
#include "cli/device_option.h"
#include "cli/dtype_option.h"
#include "cli/prompts.h"
#include "cli/sampling_options.h"
#include "core/error.h"
#include "kernels/device.h"

namespace slm::cli {
namespace {

struct GenerateArguments {
  std::string checkpoint, prompts_file, adapter;
  std::vector<std::string> prompts;
  std::optional<std::string> device;
  at::ScalarType dtype = at::kFloat;
  size_t batch_size = 16;
  bool json = false;
  GenerationSettings settings = default_sampling();
};

std::vector<Prompt> prompts_of(const GenerateArguments& arguments) {
  if (!arguments.prompts_file.empty()) return read_prompts(arguments.prompts_file);
  std::vector<Prompt> prompts;
  for (const auto& text : arguments.prompts) prompts.push_back({text, "--prompt"});
  return prompts;
}

void show(std::string_view text) {
  fmt::print("{}", text);
  std::fflush(stdout);
}

void print_json(const Prompt& prompt, const std::vector<int32_t>& prompt_ids, const Generation& result,
                const SamplingSettings& sampling, size_t row) {
  const nlohmann::ordered_json json{{"prompt", prompt.text},
                                    {"text", result.text},
                                    {"finish_reason", name_of(result.reason)},
                                    {"prompt_ids", prompt_ids},
                                    {"ids", result.ids},
                                    {"seed", sampling.seed},
                                    {"row", row}};
  show(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

// A single text, as it grows.
void stream(const LoadedModel& loaded, const Prompt& prompt, const std::vector<int32_t>& ids,
            const GenerationSettings& settings) {
  show(prompt.text);
  generate_texts(*loaded.model, *loaded.tokenizer, {&ids, 1}, settings,
                 [](size_t, std::string_view text) { show(text); });
  show("\n");
}

// All texts, --batch-size of them side by side, each whole.
void print_all(const LoadedModel& loaded, const std::vector<Prompt>& prompts,
               const std::vector<std::vector<int32_t>>& ids, const GenerateArguments& arguments) {
  auto settings = arguments.settings;
  for (size_t first = 0; first < ids.size(); first += arguments.batch_size) {
    settings.sampling.first_row = first;
    const auto batch = std::span(ids).subspan(first, std::min(arguments.batch_size, ids.size() - first));
    const auto results = generate_texts(*loaded.model, *loaded.tokenizer, batch, settings);
    for (size_t i = 0; i < results.size(); ++i) {
      const size_t row = first + i;
      if (arguments.json) {
        print_json(prompts[row], ids[row], results[i], settings.sampling, row);
      } else {
        show(fmt::format("--- {} of {}\n{}{}\n", row + 1, ids.size(), prompts[row].text, results[i].text));
      }
    }
  }
}

void run_generate(GenerateArguments arguments) {
  const auto prompts = prompts_of(arguments);
  const auto checkpoint = find_checkpoint(arguments.checkpoint);
  verify_or_warn(checkpoint);
  const auto loaded = read_under_adapter(checkpoint, arguments.adapter,
                                         {.dtype = arguments.dtype, .device = choose_device(arguments.device)});
  if (!loaded.tokenizer) fail(ExitCode::kData, "{}: no tokenizer.json, so no text can be read", checkpoint.string());
  arguments.settings.end_of_text = read_end_of_text(checkpoint, loaded.model->config());
  std::vector<std::vector<int32_t>> ids;  // all of them before anything is printed
  for (const auto& prompt : prompts) ids.push_back(encode_prompt(*loaded.tokenizer, prompt.text, prompt.origin));
  if (prompts.size() == 1 && !arguments.json) {
    stream(loaded, prompts[0], ids[0], arguments.settings);
  } else {
    print_all(loaded, prompts, ids, arguments);
  }
}

}  // namespace

void add_generate(CLI::App& app, int&) {
  auto* command = app.add_subcommand("generate", "Continue a text, or several side by side");
  auto arguments = std::make_shared<GenerateArguments>();
  command->add_option("checkpoint", arguments->checkpoint, "Checkpoint, run or Hugging Face folder")->required();
  auto* prompts = command->add_option("--prompt", arguments->prompts, "Text to continue; may be given several times")
                      ->allow_extra_args(false);
  auto* file = command->add_option("--prompts-file", arguments->prompts_file,
                                   "A prompt a line (.txt), or objects with \"prompt\" (.jsonl)");
  prompts->excludes(file);
  command->add_option("--batch-size", arguments->batch_size, "Texts that grow side by side")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_sampling_options(*command, arguments->settings);
  add_dtype_option(*command, "--dtype", "What the float matrices compute in", arguments->dtype);
  add_adapter_option(*command, arguments->adapter);
  add_device_option(*command, arguments->device);
  command->add_flag("--json", arguments->json, "For programs: an object a line for each prompt");
  command->footer(
      "A text also ends where the model draws the eos_token_id of its generation_config.json or config.json.\n"
      "Examples:\n"
      "  slm generate runs/quickstart --prompt \"Once\" --max-tokens 300\n"
      "  slm generate runs/quickstart --prompt \"Once\" --temperature 0 --stop $'\\n'\n"
      "  slm generate runs/quickstart --prompt \"Once\" --prompt \"One day\" --repetition-penalty 1.2\n"
      "  slm generate runs/quickstart --prompts-file prompts.txt --json > texts.jsonl");
  command->callback([arguments, prompts, file] {
    if (prompts->count() + file->count() == 0) fail(ExitCode::kUsage, "slm generate needs --prompt or --prompts-file");
    run_generate(*arguments);
  });
}

}  // namespace slm::cli
