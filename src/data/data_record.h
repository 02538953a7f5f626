// data.json: what the token files of a folder were made from. And, while they are being made, how far that is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/data_config.h"
#include "data/sources.h"
#include "data/text_chunks.h"

namespace slm {

/// A token file, and beside it a file of uint32: which of its tokens begin a document. Where there are tokens that
/// nobody learns to predict, another file of uint32: pairs of the first of such tokens and the one behind them.
struct ShardRecord {
  std::string file, starts_file;  // names in the folder tokens/
  int64_t tokens = 0, documents = 0;
  int64_t bytes = 0;  // of the text that the tokens stand for
  std::string sha256, starts_sha256;
  std::string unscored_file = {}, unscored_sha256 = {};  // empty: every token is scored

  /// The names of all its files.
  std::vector<std::string> files() const;
};

/// Shards that are one sequence of tokens.
struct StreamRecord {
  std::string name;
  std::vector<ShardRecord> shards;

  int64_t tokens() const;
  int64_t bytes() const;
  int64_t documents() const;
  /// Of its tokens: of the only shard, or of all shards' sums.
  std::string sha256() const;
  /// Of its documents' beginnings.
  std::string starts_sha256() const;
  /// Of what is not scored; empty where everything is.
  std::string unscored_sha256() const;
};

struct DataRecord {
  nlohmann::json config;  // data_config_json
  std::vector<SourceState> sources;
  std::string tokenizer_sha256;
  int64_t vocab_size = 0;
  int64_t shard_tokens = 0;         // of every shard of a stream but its last
  std::vector<StreamRecord> train;  // several where data.train has weights
  std::optional<StreamRecord> validation;
  std::optional<double> floor_bits_per_byte;  // of the validation text, where it is the built-in corpus
};

/// What a preparation that was ended goes on from: the finished shards, and where the next one begins.
struct PrepareJournal {
  nlohmann::json config;
  std::vector<SourceState> sources;
  std::string tokenizer_sha256;
  int64_t shard_tokens = 0;
  std::vector<StreamRecord> streams;  // the last one may be unfinished
  ReadPosition position;              // of the unfinished stream's next chunk
  int64_t taken = 0;                  // ids of that chunk that are in a finished shard
  bool finished = false;              // the last of `streams` has its last shard
};

/// The config's fields by their keys, as far as tokens depend on them: of weights only whether there are any.
nlohmann::json data_config_json(const DataConfig& config);

/// The files' content.
std::string format_data_record(const DataRecord& record);
std::string format_journal(const PrepareJournal& journal);

/// Nothing where there is no file or one of another format version. Error (kData) where it is damaged.
std::optional<DataRecord> read_data_record(const std::filesystem::path& path);
std::optional<PrepareJournal> read_journal(const std::filesystem::path& path);

}  // namespace slm
