#include "cli/checkpoint_data.h"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "config/load.h"
#include "core/error.h"
#include "core/file.h"
#include "data/chat/questions.h"
#include "data/stories/stories.h"

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

// The data that the checkpoint's run was trained on.
DataConfig config_of_run(const std::filesystem::path& checkpoint) {
  const auto path = checkpoint / "training_config.yaml";
  if (!std::filesystem::exists(path)) {
    fail(ExitCode::kUsage, "{}: was not trained by slm, so it names no validation text; give one with --data",
         checkpoint.string());
  }
  auto data = parse_training_config(read_file(path), path.string()).data;
  data.tokenizer = (checkpoint / "tokenizer.json").string();
  return data;
}

}  // namespace

DataConfig evaluation_data(const std::string& file, const std::filesystem::path& checkpoint) {
  if (file.empty()) return config_of_run(checkpoint);
  auto data = text_data(file, checkpoint);
  if (file != stories::kName && file != questions::kName) data.validation_fraction = 0;
  return data;
}

const TokenStream& evaluation_tokens(const PreparedData& data) {
  return data.validation ? *data.validation : *data.train[0].tokens;
}

void need_validation(const PreparedData& data) {
  if (!data.validation) fail(ExitCode::kUsage, "the run keeps no validation text; give one with --data");
}

ScratchFolder::ScratchFolder(const std::string& name)
    : path_(std::filesystem::temp_directory_path() / fmt::format("{}-{}", name, getpid())) {
  std::filesystem::create_directories(path_);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;  // what is left in a temporary folder harms nobody
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace slm::cli
