// The text that goes with a checkpoint: that of its own run, or a file in its tokenizer.
#pragma once

#include <filesystem>
#include <string>

#include "config/data_config.h"

namespace slm::cli {

/// Error (kData) where the checkpoint has no tokenizer.json.
void need_tokenizer(const std::filesystem::path& checkpoint);

/// `file` (or a built-in corpus) as training text in the checkpoint's own tokenizer; the rest as its defaults are.
DataConfig text_data(const std::string& file, const std::filesystem::path& checkpoint);

/// A folder below the system's temporary one that goes with the object.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& name);
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace slm::cli
