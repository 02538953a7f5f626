// Writes a sequence of tokens as files of equal size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/data_record.h"
#include "data/token_file.h"
#include "data/token_span.h"

namespace slm {

struct ShardSettings {
  std::filesystem::path folder;
  std::string stream;  // the files are <stream>-00000.bin and so on, each with its .starts (and .unscored)
  int64_t shard_tokens = 0;
  int64_t vocab_size = 0;
  std::span<const int32_t> token_bytes;  // by id
};

/// A shard has its name only when it is whole and on the disk.
class ShardWriter {
 public:
  /// Begins with shard number `first`.
  explicit ShardWriter(ShardSettings settings, size_t first = 0);

  /// How many more tokens the present shard takes; never 0.
  int64_t room() const { return settings_.shard_tokens - tokens_in_shard(); }
  /// At most room() ids; `starts` are the places among them where documents begin, ascending, and `unscored` what of
  /// them carries no loss as a target. Returns the shard where that fills it.
  std::optional<ShardRecord> append(std::span<const int32_t> ids, std::span<const int64_t> starts,
                                    std::span<const TokenSpan> unscored = {});
  /// The last, shorter shard; nothing where it would be empty.
  std::optional<ShardRecord> finish();

 private:
  int64_t tokens_in_shard() const { return file_ ? file_->size() : 0; }
  std::filesystem::path path(std::string_view extension) const;
  ShardRecord close();
  std::string write_numbers(std::string_view extension, std::span<const uint32_t> numbers) const;

  ShardSettings settings_;
  size_t index_;
  std::optional<TokenFileWriter> file_;
  std::vector<uint32_t> starts_;
  std::vector<TokenSpan> unscored_;
  int64_t bytes_ = 0;
};

/// What ShardWriter and others call an unfinished file.
inline constexpr std::string_view kUnfinished = ".unfinished";

}  // namespace slm
