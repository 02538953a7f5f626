// From a data config to tokens on the disk, once; later starts find them there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/data_config.h"
#include "data/token_file.h"
#include "data/tokenizer.h"

namespace slm {

struct PreparedData {
  std::filesystem::path folder;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const TokenFile> train;
  std::shared_ptr<const TokenFile> validation;  // null where the config keeps nothing for validation
  int64_t train_bytes = 0;                      // of the texts that the tokens stand for
  int64_t validation_bytes = 0;
  std::vector<int32_t> token_bytes;           // by id
  std::optional<double> floor_bits_per_byte;  // where builtin:stories is the validation text: no loss goes below it
  std::string hash;                           // of tokenizer and tokens: equal data has equal hashes
};

/// Reads the sources, makes or loads the tokenizer and writes tokenizer.json, tokens/train.bin, tokens/validation.bin
/// and, last, data.json to `folder`; or reuses what is there if config and sources have not changed. The log says
/// which. Several files are joined as they are, without a separator. Where `validation` is empty, the last
/// `validation_fraction` of the training tokens is the validation text; for `train: builtin:stories` it is stories of
/// another seed (nothing where the fraction is 0).
/// Errors (kData) name the file: missing, unreadable, empty, not UTF-8, not of the tokenizer; or the counts, where a
/// text is shorter than a window of `sequence_length` + 1 tokens.
PreparedData prepare_data(const DataConfig& config, int64_t sequence_length, const std::filesystem::path& folder);

/// Whether prepare_data would find the folder up to date. Errors as of prepare_data for sources that are missing.
bool is_prepared(const DataConfig& config, const std::filesystem::path& folder);

/// Bytes of text that the ids stand for: what a loss over them is divided by to get bits per byte.
int64_t count_bytes(std::span<const int32_t> token_bytes, std::span<const int64_t> ids);

}  // namespace slm
