#include "evaluation/evaluate.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/model_folder.h"
#include "cli/adapter_option.h"
#include "cli/checkpoint_data.h"
#include "cli/commands.h"
#include "cli/device_option.h"
#include "cli/dtype_option.h"
#include "cli/evaluate_choices.h"
#include "core/error.h"
#include "data/chat/chat_template.h"
#include "data/prepare.h"
#include "evaluation/probe_scores.h"
#include "kernels/device.h"
#include "training/chat_answers.h"

namespace slm::cli {
namespace {

struct EvaluateArguments {
  std::string checkpoint, data, choices, adapter;
  std::optional<std::string> device;
  at::ScalarType dtype = at::kFloat;
  int64_t length = 0, batch_size = 8;
  std::optional<int64_t> stride;
  bool json = false;
};

void print_text(const EvaluationResult& result, const PreparedData& data, const std::vector<ProbeScore>& probes) {
  fmt::print("loss           {:.6f} nats per token\n", result.loss);
  fmt::print("perplexity     {:.4f}\n", result.perplexity);
  fmt::print("bits per byte  {:.4f}\n", result.bits_per_byte);
  if (data.floor_bits_per_byte) {
    fmt::print("floor          {:.4f} bits per byte; the model stands {:.4f} above it\n", *data.floor_bits_per_byte,
               result.bits_per_byte - *data.floor_bits_per_byte);
  }
  fmt::print("tokens         {}\n", result.tokens);
  for (const auto& probe : probes) fmt::print("{:<14} {} of {}\n", probe.ability, probe.right, probe.total);
}

void print_json(const EvaluationResult& result, const PreparedData& data, const std::vector<ProbeScore>& probes) {
  nlohmann::ordered_json json{{"loss", result.loss},
                              {"perplexity", result.perplexity},
                              {"bits_per_byte", result.bits_per_byte},
                              {"tokens", result.tokens}};
  if (data.floor_bits_per_byte) json["floor_bits_per_byte"] = *data.floor_bits_per_byte;
  for (const auto& probe : probes) json["probes"][probe.ability] = {{"right", probe.right}, {"total", probe.total}};
  fmt::print("{}\n", json.dump(2));
}

void evaluate_text(const EvaluateArguments& arguments, const std::filesystem::path& checkpoint,
                   const LoadedModel& loaded) {
  const int64_t longest = loaded.model->config().max_sequence_length;
  const int64_t length = arguments.length == 0 ? longest : arguments.length;
  if (length > longest) {
    fail(ExitCode::kUsage, "--length: found {}, but the model sees at most {} tokens", length, longest);
  }
  if (arguments.stride && *arguments.stride > length) {
    fail(ExitCode::kUsage, "--stride: found {}, expected at most the window's {} tokens", *arguments.stride, length);
  }
  const auto config = evaluation_data(arguments.data, checkpoint);
  const ScratchFolder folder("slm-evaluate");
  const auto data = prepare_data(config, length, folder.path());
  refuse_new_tokens(data, *loaded.tokenizer, checkpoint);
  if (arguments.data.empty()) need_validation(data);
  const auto& tokens = evaluation_tokens(data);
  const auto result = evaluate(*loaded.model, tokens, data.token_bytes, length,
                               {.batch_size = arguments.batch_size,
                                .max_batches = 0,
                                .stride = arguments.stride,
                                .isolate_documents = config.isolate_documents});
  std::vector<ProbeScore> probes;
  if (data.floor_bits_per_byte) probes = score_probes(*loaded.model, *loaded.tokenizer);
  if (data.validates_on_questions) probes.push_back(score_answers(*loaded.model, *loaded.tokenizer));
  arguments.json ? print_json(result, data, probes) : print_text(result, data, probes);
}

void run_evaluate(const EvaluateArguments& arguments) {
  const auto checkpoint = find_checkpoint(arguments.checkpoint);
  verify_or_warn(checkpoint);
  const auto loaded = read_under_adapter(checkpoint, arguments.adapter,
                                         {.dtype = arguments.dtype, .device = choose_device(arguments.device)});
  if (arguments.choices.empty()) return evaluate_text(arguments, checkpoint, loaded);
  need_tokenizer(checkpoint);
  evaluate_choices(loaded, arguments.choices, static_cast<size_t>(arguments.batch_size), arguments.json);
}

}  // namespace

void add_evaluate(CLI::App& app, int&) {
  auto* command =
      app.add_subcommand("evaluate", "Loss, perplexity and bits per byte of a checkpoint, or its answers to questions");
  auto arguments = std::make_shared<EvaluateArguments>();
  command->add_option("checkpoint", arguments->checkpoint, "Checkpoint, run or Hugging Face folder")->required();
  auto* choices = command->add_option(
      "--choices", arguments->choices,
      "In place of a text: a .jsonl file of {\"context\": text, \"choices\": [text, ...], \"answer\": index}");
  command
      ->add_option("--data", arguments->data,
                   "Text file, builtin:stories or builtin:chat; the run's validation text if not given")
      ->excludes(choices);
  command->add_option("--length", arguments->length, "Tokens in a window; as many as the model sees if not given")
      ->check(CLI::PositiveNumber)
      ->excludes(choices);
  command
      ->add_option("--stride", arguments->stride,
                   "A window begins so many tokens after the one before and scores only what that one did not: every "
                   "token but the text's first, once. Without it windows do not overlap and an incomplete last one is "
                   "left out")
      ->check(CLI::PositiveNumber)
      ->excludes(choices);
  command->add_option("--batch-size", arguments->batch_size, "Windows, or choices, in one forward pass")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "For programs");
  add_dtype_option(*command, "--dtype", "What the float matrices compute in", arguments->dtype);
  add_adapter_option(*command, arguments->adapter);
  add_device_option(*command, arguments->device);
  command->footer(
      "Examples:\n"
      "  slm evaluate runs/quickstart\n"
      "  slm evaluate runs/quickstart/checkpoints/latest --data other.txt --json\n"
      "  slm evaluate runs/quickstart --length 127 --stride 64\n"
      "  slm evaluate runs/quickstart --adapter peft_adapter/\n"
      "  slm evaluate runs/quickstart --choices questions.jsonl");
  command->callback([arguments] { run_evaluate(*arguments); });
}

}  // namespace slm::cli
