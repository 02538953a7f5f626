// The text that goes with a checkpoint: that of its own run, or a file in its tokenizer.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/training_config.h"
#include "data/prepare.h"

namespace slm::cli {

/// Error (kData) where the checkpoint has no tokenizer.json.
void need_tokenizer(const std::filesystem::path& checkpoint);

/// `file` (or a built-in corpus) as training text in the checkpoint's own tokenizer; the rest as its defaults are.
DataConfig text_data(const std::string& file, const std::filesystem::path& checkpoint);

/// Whether a run of slm made the checkpoint, so that it says which text and batches it was trained on.
bool is_of_run(const std::filesystem::path& checkpoint);

/// The resolved config of the checkpoint's run (where there is none: of one with all defaults) under `overrides`, with
/// the checkpoint's own shape and tokenizer, and over `file` (or a built-in corpus) unless that is empty.
TrainingConfig checkpoint_config(const std::filesystem::path& checkpoint, const std::vector<std::string>& overrides,
                                 const std::string& file);

/// What a checkpoint is evaluated on: the whole of `file` (of a built-in corpus its validation part), or where that is
/// empty the data that its run was trained on. Error (kUsage) where there is no run.
DataConfig evaluation_data(const std::string& file, const std::filesystem::path& checkpoint);

/// Error (kData) where `data` has conversations, whose special tokens the checkpoint's own tokenizer lacks.
void refuse_new_tokens(const PreparedData& data, const Tokenizer& tokenizer, const std::filesystem::path& checkpoint);

/// Of data prepared from that: the validation tokens, or all of a file.
const TokenStream& evaluation_tokens(const PreparedData& data);

/// Error (kUsage) where a run keeps no validation text.
void need_validation(const PreparedData& data);

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
