// `slm quantize`: a float checkpoint into a quantized one.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/model_folder.h"
#include "checkpoint/quantized_folder.h"
#include "cli/checkpoint_data.h"
#include "cli/commands.h"
#include "config/describe.h"
#include "config/load.h"
#include "config/resolve.h"
#include "core/error.h"
#include "training/builders.h"
#include "training/quantize_checkpoint.h"

namespace slm::cli {
namespace {

namespace fs = std::filesystem;

struct QuantizeArguments {
  std::string checkpoint, out, data;
  std::vector<std::string> overrides;
};

// What is asked for now, over the data and batches of the checkpoint's own run; a run that was to end in quantizing
// says nothing about how it is done here.
std::vector<std::string> overrides_of(const QuantizeArguments& arguments) {
  std::vector<std::string> overrides{"quantization_mode=ptq"};
  const auto given = [&](const std::string& key) {
    return std::any_of(arguments.overrides.begin(), arguments.overrides.end(),
                       [&](const auto& text) { return text.starts_with(key + "="); });
  };
  for (const auto& key : config_keys()) {
    const bool quantizes = key.starts_with("quantization_") && key != "quantization_mode";
    if (quantizes && !given(key)) overrides.push_back(key + "=null");
  }
  overrides.insert(overrides.end(), arguments.overrides.begin(), arguments.overrides.end());
  return overrides;
}

TrainingConfig quantization_config(const QuantizeArguments& arguments, const fs::path& checkpoint) {
  const auto path = checkpoint / "training_config.yaml";
  const auto overrides = overrides_of(arguments);
  auto config =
      fs::exists(path)
          ? load_training_config(path, overrides)
          : parse_training_config("output_dir: .\ninit_from: .\nmax_steps: 1\nwarmup_steps: 0\ndata:\n  train: none\n",
                                  checkpoint.string(), overrides);
  config.init_from.reset();
  config.model = model_config(read_model_config(checkpoint));
  if (!arguments.data.empty()) config.data = text_data(arguments.data, checkpoint);
  if (fs::exists(checkpoint / "tokenizer.json")) config.data.tokenizer = (checkpoint / "tokenizer.json").string();
  resolve_defaults(config);
  return config;
}

void run_quantize(const QuantizeArguments& arguments) {
  const auto checkpoint = find_checkpoint(arguments.checkpoint);
  expect_float_folder(checkpoint);
  verify_or_warn(checkpoint);
  const auto config = quantization_config(arguments, checkpoint);
  const bool has_data = !arguments.data.empty() || fs::exists(checkpoint / "training_config.yaml");
  std::optional<ScratchFolder> folder;
  std::optional<PreparedData> data;
  if (has_data) {
    folder.emplace("slm-quantize");
    data = prepare_data(config.data, *config.model.max_sequence_length, folder->path());
  }
  quantize_checkpoint(
      {.checkpoint = checkpoint, .out = arguments.out, .config = config, .data = data ? &*data : nullptr});
  fmt::print("quantized checkpoint {}\n", arguments.out);
}

}  // namespace

void add_quantize(CLI::App& app, int&) {
  auto* command =
      app.add_subcommand("quantize", "Quantize a float checkpoint to 8 or 4 bits, and measure what it costs");
  auto arguments = std::make_shared<QuantizeArguments>();
  command->add_option("checkpoint", arguments->checkpoint, "Checkpoint, run or Hugging Face folder")->required();
  command->add_option("out", arguments->out, "Folder of the quantized checkpoint; must not exist")->required();
  command->add_option("overrides", arguments->overrides,
                      "key=value: the keys that begin with quantization_ (slm config explain quantization_bits), and "
                      "micro_batch_size, data_seed");
  command->add_option("--data", arguments->data,
                      "Text to calibrate on and, its end, to compare with the float model on: a file, builtin:stories "
                      "or builtin:chat; the data of the checkpoint's run if not given");
  command->footer(
      "Examples:\n"
      "  slm quantize runs/quickstart q8 quantization_type=dynamic\n"
      "  slm quantize runs/quickstart q4 quantization_bits=4 quantization_type=weight_only quantization_method=gptq\n"
      "  slm quantize qwen/ q8 --data corpus.txt");
  command->callback([arguments] { run_quantize(*arguments); });
}

}  // namespace slm::cli
