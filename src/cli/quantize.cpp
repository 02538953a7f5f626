// `slm quantize`: a float checkpoint into a quantized one.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/adapter_folder.h"
#include "checkpoint/checkpoint_store.h"
#include "checkpoint/qat_folder.h"
#include "checkpoint/quantized_folder.h"
#include "cli/checkpoint_data.h"
#include "cli/commands.h"
#include "config/describe.h"
#include "config/suggest.h"
#include "core/error.h"
#include "core/signals.h"
#include "data/tokenizer.h"
#include "formats/save_transaction.h"
#include "training/quantize_checkpoint.h"
#include "training/run_folder.h"

namespace slm::cli {
namespace {

struct QuantizeArguments {
  std::string checkpoint, out, data;
  std::vector<std::string> overrides;
};

bool says_how_to_quantize(const std::string& key) {
  return key.starts_with("quantization_") && key != "quantization_mode";
}

// Error for a key that quantizing does not read: the run's own data, shape and device stay as they are.
void check_keys(const std::set<std::string>& given) {
  std::vector<std::string> read{"micro_batch_size", "data_seed"};
  std::ranges::copy_if(config_keys(), std::back_inserter(read), says_how_to_quantize);
  for (const auto& key : given) {
    if (std::ranges::find(read, key) != read.end()) continue;
    const auto meant = nearest_name(key, read);
    fail(ExitCode::kUsage, "{}: is not read by slm quantize; {}", key,
         meant ? fmt::format("did you mean {}?", *meant)
               : "expected a key that begins with quantization_, micro_batch_size or data_seed");
  }
}

bool says_how_qat_goes(const std::string& key) { return key.starts_with("qat_"); }

// A checkpoint of quantization-aware training becomes what it was trained to be.
void check_keys_of_qat(const std::set<std::string>& given, const std::filesystem::path& checkpoint) {
  const auto found = std::ranges::find_if(given, says_how_to_quantize);
  if (found == given.end()) return;
  fail(ExitCode::kUsage,
       "{}: {} is trained with quantization_mode qat, and becomes what it was trained for; leave it out", *found,
       checkpoint.string());
}

// What is asked for now, over the data and batches of the checkpoint's own run; a run that was to end in quantizing
// says nothing about how it is done here.
std::vector<std::string> overrides_of(const QuantizeArguments& arguments, const std::filesystem::path& checkpoint) {
  std::set<std::string> given;
  for (const auto& text : arguments.overrides) given.insert(text.substr(0, text.find('=')));
  check_keys(given);
  std::vector<std::string> overrides;
  if (is_qat_folder(checkpoint)) {
    check_keys_of_qat(given, checkpoint);
  } else {
    overrides.push_back("quantization_mode=ptq");
    for (const auto& key : config_keys()) {
      const bool is_ours = says_how_to_quantize(key) || says_how_qat_goes(key);
      if (is_ours && !given.contains(key)) overrides.push_back(key + "=null");
    }
  }
  if (given.contains("micro_batch_size")) {  // which says nothing about a step now
    overrides.insert(overrides.end(), {"tokens_per_step=null", "gradient_accumulation_steps=null"});
  }
  overrides.insert(overrides.end(), arguments.overrides.begin(), arguments.overrides.end());
  return overrides;
}

// What quantization-aware training began from, where the checkpoint still lies in its run's folder.
std::optional<std::filesystem::path> float_parent_of(const std::filesystem::path& checkpoint) {
  const auto folder = RunFolder(checkpoint.parent_path().parent_path()).float_parent();
  if (!is_qat_folder(checkpoint) || !std::filesystem::exists(folder)) return std::nullopt;
  return folder;
}

void run_quantize(const QuantizeArguments& arguments, int& exit_code) {
  const StopSignals signals;
  const auto checkpoint = find_checkpoint(arguments.checkpoint);
  if (!has_adapter(checkpoint)) expect_float_folder(checkpoint);
  verify_or_warn(checkpoint);
  const auto config = checkpoint_config(checkpoint, overrides_of(arguments, checkpoint), arguments.data);
  SaveTransaction out(arguments.out);
  const bool has_data = !arguments.data.empty() || is_of_run(checkpoint);
  std::optional<ScratchFolder> folder;
  std::optional<PreparedData> data;
  if (has_data) {
    folder.emplace("slm-quantize");
    data = prepare_data(config.data, *config.model.max_sequence_length, folder->path());
    refuse_new_tokens(*data, *load_tokenizer(checkpoint / "tokenizer.json"), checkpoint);
  }
  const auto done = quantize_checkpoint({.checkpoint = checkpoint,
                                         .out = out,
                                         .config = config,
                                         .data = data ? &*data : nullptr,
                                         .float_parent = float_parent_of(checkpoint),
                                         .signals = &signals});
  if (done) {
    fmt::print("quantized checkpoint {}\n", arguments.out);
  } else {
    exit_code = 128 + signals.requested();
  }
}

}  // namespace

void add_quantize(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand(
      "quantize", "Quantize a float checkpoint to 8 or 4 bits, and measure what it costs; adapters are merged first");
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
      "  slm quantize qwen/ q8 --data corpus.txt\n"
      "  slm quantize runs/qlora_int4 q4_adapted quantization_bits=4 quantization_type=weight_only");
  command->callback([arguments, &exit_code] { run_quantize(*arguments, exit_code); });
}

}  // namespace slm::cli
