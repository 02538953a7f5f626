// Everything that prepared tokens depend on, as a data config names it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/data_config.h"
#include "data/sources.h"

namespace slm {

inline constexpr std::string_view kCharacterTokenizer = "char";
inline constexpr std::string_view kTrainedTokenizer = "bpe";

struct DataInputs {
  struct Input {
    std::string role;
    Source source;
  };
  /// Sources whose tokens are one sequence.
  struct Stream {
    std::string name, role;
    std::vector<Source> sources;
  };

  std::vector<Stream> train;  // several where data.train has weights
  std::optional<Stream> validation;
  std::optional<Source> tokenizer;  // its file
  bool split = false;               // the validation tokens are the end of the training tokens

  /// Training, then validation.
  std::vector<Stream> streams() const;
  /// Training, then validation, then the tokenizer's file.
  std::vector<Input> all() const;
  bool validates_on_stories() const;
  bool hold_conversations() const;
};

/// Error (kUsage or kData) where nothing is named, or as of find_sources. Warns of validation text that is trained on.
DataInputs find_inputs(const DataConfig& config);

}  // namespace slm
