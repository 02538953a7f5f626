#include "cli/checkpoint_data.h"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "checkpoint/model_folder.h"
#include "config/load.h"
#include "config/resolve.h"
#include "core/error.h"
#include "core/file.h"
#include "data/chat/chat_template.h"
#include "data/chat/questions.h"
#include "data/stories/stories.h"
#include "training/builders.h"

namespace slm::cli {

void need_tokenizer(const std::filesystem::path& checkpoint) {
  if (std::filesystem::exists(checkpoint / "tokenizer.json")) return;
  fail(ExitCode::kData, "{}: no tokenizer.json, so it cannot read a text", checkpoint.string());
}

DataConfig text_data(const std::string& file, const std::filesystem::path& checkpoint) {
  need_tokenizer(checkpoint);
  DataConfig data;
  data.train = {file};
  data.tokenizer = (checkpoint / "tokenizer.json").string();
  return data;
}

namespace {

constexpr const char* kRunConfigFile = "training_config.yaml";

// The data that the checkpoint's run was trained on.
DataConfig data_of_run(const std::filesystem::path& checkpoint) {
  const auto path = checkpoint / kRunConfigFile;
  if (!is_of_run(checkpoint)) {
    fail(ExitCode::kUsage, "{}: was not trained by slm, so it names no validation text; give one with --data",
         checkpoint.string());
  }
  auto data = parse_training_config(read_file(path), path.string()).data;
  data.tokenizer = (checkpoint / "tokenizer.json").string();
  return data;
}

}  // namespace

bool is_of_run(const std::filesystem::path& checkpoint) { return std::filesystem::exists(checkpoint / kRunConfigFile); }

TrainingConfig checkpoint_config(const std::filesystem::path& checkpoint, const std::vector<std::string>& overrides,
                                 const std::string& file) {
  constexpr const char* kDefaults = "output_dir: .\ninit_from: .\nmax_steps: 1\nwarmup_steps: 0\ndata: {train: none}\n";
  auto config = is_of_run(checkpoint) ? load_training_config(checkpoint / kRunConfigFile, overrides)
                                      : parse_training_config(kDefaults, checkpoint.string(), overrides);
  config.init_from.reset();  // and with it what only goes on from there, or is taught by it
  config.adapters = {};
  if (config.quantization.finetuning) config.quantization = {};
  config.quantization.qat_distill_weight = 0;
  config.model = model_config(read_model_config(checkpoint));
  if (!file.empty()) config.data = text_data(file, checkpoint);
  const auto tokenizer = checkpoint / "tokenizer.json";
  if (std::filesystem::exists(tokenizer)) {
    config.data.tokenizer = tokenizer.string();
    config.data.vocab_size.reset();  // only of one that is still to be trained
  }
  resolve_defaults(config);
  return config;
}

DataConfig evaluation_data(const std::string& file, const std::filesystem::path& checkpoint) {
  if (file.empty()) return data_of_run(checkpoint);
  auto data = text_data(file, checkpoint);
  if (file != stories::kName && file != questions::kName) data.validation_fraction = 0;
  return data;
}

void refuse_new_tokens(const PreparedData& data, const Tokenizer& tokenizer, const std::filesystem::path& checkpoint) {
  if (data.tokenizer->vocab_size() > tokenizer.vocab_size()) need_chat_tokens(tokenizer, checkpoint.string());
}

const TokenStream& evaluation_tokens(const PreparedData& data) {
  return data.validation ? *data.validation : *data.train[0].tokens;
}

void need_validation(const PreparedData& data) {
  if (!data.validation) fail(ExitCode::kUsage, "the run keeps no validation text; give one with --data");
}

ScratchFolder::ScratchFolder(const std::string& name)
    : path_(std::filesystem::temp_directory_path() / fmt::format("{}-{}", name, getpid())) {
  make_folder(path_);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;  // what is left in a temporary folder harms nobody
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace slm::cli
