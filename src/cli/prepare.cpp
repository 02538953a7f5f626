// slm prepare: text to tokens, ahead of training.
#include "data/prepare.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "config/load.h"

namespace slm::cli {
namespace {

struct PrepareArguments {
  std::string file, out;
  std::vector<std::string> overrides;
  std::optional<int64_t> shard_tokens;
};

void print_tokens(const std::string& role, const TokenStream& tokens, int64_t bytes) {
  fmt::print("{:<12}{:>12} tokens {:>12} bytes  {}\n", role, tokens.size(), bytes, tokens.first_file().string());
}

void print_prepared(const PreparedData& data) {
  for (const TrainingPart& part : data.train) {
    print_tokens("training", *part.tokens, part.bytes);
    fmt::print("{:<12}{:>12} documents\n", "", part.documents);
  }
  if (data.validation) {
    print_tokens("validation", *data.validation, data.validation_bytes);
  } else {
    fmt::print("{:<12}{:>12}\n", "validation", "none");
  }
  fmt::print("{:<12}{:>12} in all {}{}\n", "vocabulary", data.tokenizer->vocab_size(), std::string(20, ' '),
             (data.folder / "tokenizer.json").string());
  if (data.floor_bits_per_byte) {
    fmt::print("{:<12}{:>12.4f} bits per byte of the validation text\n", "floor", *data.floor_bits_per_byte);
  }
}

void prepare(const PrepareArguments& arguments) {
  const TrainingConfig config = load_training_config(arguments.file, arguments.overrides);
  const std::filesystem::path folder =
      arguments.out.empty() ? std::filesystem::path(config.output_dir) / "data" : std::filesystem::path(arguments.out);
  // With init_from the window may be the checkpoint's to say; the shortest one is checked then.
  print_prepared(
      prepare_data(config.data, config.model.max_sequence_length.value_or(1), folder,
                   {.threads = static_cast<int>(config.threads.value_or(0)), .shard_tokens = arguments.shard_tokens}));
}

}  // namespace

void add_prepare(CLI::App& app, int& /*exit_code*/) {
  auto* command = app.add_subcommand("prepare", "Turn a config's text into tokens (train does it where it is missing)");
  const auto arguments = std::make_shared<PrepareArguments>();
  command->add_option("CONFIG", arguments->file, "The YAML file")->required();
  command->add_option("key=value", arguments->overrides,
                      "Values that take the place of the file's, as in data.train=mine.txt");
  command->add_option("--out", arguments->out, "Folder for the tokens; <output_dir>/data where not given");
  command
      ->add_option("--shard-tokens", arguments->shard_tokens,
                   "Tokens in a file; 100 million where not given. What a run reads does not depend on it")
      ->check(CLI::Range(int64_t{1}, kMostTokensInFile));
  command->footer(
      "Examples:\n"
      "  slm prepare configs/quickstart.yaml\n"
      "  slm prepare configs/quickstart.yaml data.train=mine.txt --out data/mine\n"
      "  zcat texts.jsonl.gz | slm prepare configs/quickstart.yaml \"data.train={path: -, format: jsonl}\" --out "
      "data/mine");
  command->callback([arguments] { prepare(*arguments); });
}

}  // namespace slm::cli
