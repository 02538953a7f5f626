// data.json: what the token files of a folder were made from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/data_config.h"
#include "data/sources.h"

namespace slm {

/// One of the token files.
struct TokensRecord {
  int64_t tokens = 0;
  int64_t bytes = 0;  // of the text that they stand for
  std::string sha256;
};

struct DataRecord {
  nlohmann::json config;  // the DataConfig, by key
  std::vector<SourceState> sources;
  std::string tokenizer_sha256;
  int64_t vocab_size = 0;
  TokensRecord train;
  std::optional<TokensRecord> validation;
  std::optional<double> floor_bits_per_byte;  // of the validation text, where it is the built-in corpus
};

/// The config's fields by their keys.
nlohmann::json data_config_json(const DataConfig& config);

/// The file's content.
std::string format_data_record(const DataRecord& record);

/// Nothing where there is no file or one of another format version. Error (kData) where it is damaged.
std::optional<DataRecord> read_data_record(const std::filesystem::path& path);

}  // namespace slm
