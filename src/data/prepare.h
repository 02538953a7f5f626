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
#include "data/token_stream.h"
#include "data/tokenizer.h"

namespace slm {

/// Training text that is one sequence of tokens.
struct TrainingPart {
  std::shared_ptr<const TokenStream> tokens;
  int64_t bytes = 0;      // of the text that the tokens stand for
  int64_t documents = 0;  // that begin in it
  double weight = 1;      // of its windows in training
};

struct PreparedData {
  std::filesystem::path folder;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::vector<TrainingPart> train;                // several where data.train has weights
  std::shared_ptr<const TokenStream> validation;  // null where the config keeps nothing for validation
  int64_t validation_bytes = 0;
  std::vector<int32_t> token_bytes;           // by id
  std::optional<double> floor_bits_per_byte;  // where builtin:stories is the validation text: no loss goes below it
  bool validates_on_questions = false;        // builtin:chat is among the validation text
  std::string hash;                           // of tokenizer and tokens: equal data has equal hashes
};

struct PrepareSettings {
  int threads = 0;                      // that tokenize; 0: one a core
  std::optional<int64_t> shard_tokens;  // in a token file; none: as many as what is there, or 100 million
};

/// Reads the sources, makes or loads the tokenizer and writes tokenizer.json, tokens/*.bin and, last, data.json to
/// `folder`; or reuses what is there if config and sources have not changed. The log says which. A preparation that was
/// ended goes on after its last finished token file. Memory does not depend on the size of the text.
/// Documents (a .txt file, a line of a .jsonl) are joined, each followed by the tokenizer's end of text where it has
/// one. Of conversations only the assistant's tokens are scored; the tokenizer gets the chat template's special tokens
/// where it lacks them. Where `validation` is empty, the end of the training tokens is the validation text (find_cut);
/// for a built-in corpus it is text of another seed (nothing where the fraction is 0). Errors (kData) name the file and
/// the place in it: missing, unreadable, empty, not UTF-8, not JSON, not of the tokenizer; or the counts, where a text
/// is shorter than a window of `sequence_length` + 1 tokens. What was in the folder before stays then.
PreparedData prepare_data(const DataConfig& config, int64_t sequence_length, const std::filesystem::path& folder,
                          const PrepareSettings& settings = {});

/// Whether prepare_data would find the folder up to date. Errors as of prepare_data for sources that are missing.
bool is_prepared(const DataConfig& config, const std::filesystem::path& folder);

/// Bytes of text that the ids stand for: what a loss over them is divided by to get bits per byte.
int64_t count_bytes(std::span<const int32_t> token_bytes, std::span<const int64_t> ids);

}  // namespace slm
