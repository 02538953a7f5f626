#include "cli/checkpoint_data.h"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "core/error.h"

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

ScratchFolder::ScratchFolder(const std::string& name)
    : path_(std::filesystem::temp_directory_path() / fmt::format("{}-{}", name, getpid())) {
  std::filesystem::create_directories(path_);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;  // what is left in a temporary folder harms nobody
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace slm::cli
