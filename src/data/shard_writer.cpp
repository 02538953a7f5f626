#include "data/shard_writer.h"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"

namespace slm {

ShardWriter::ShardWriter(ShardSettings settings, size_t first) : settings_(std::move(settings)), index_(first) {
  SLM_CHECK(settings_.shard_tokens >= 1 && settings_.shard_tokens <= kMostTokensInFile);
}

std::filesystem::path ShardWriter::path(std::string_view extension) const {
  return settings_.folder / fmt::format("{}-{:05}{}", settings_.stream, index_, extension);
}

std::optional<ShardRecord> ShardWriter::append(std::span<const int32_t> ids, std::span<const int64_t> starts,
                                               std::span<const TokenSpan> unscored) {
  SLM_CHECK(static_cast<int64_t>(ids.size()) <= room());
  if (!file_) file_.emplace(path(kUnfinished), settings_.vocab_size);
  for (const int64_t start : starts) starts_.push_back(static_cast<uint32_t>(file_->size() + start));
  for (const auto& [begin, end] : unscored) append_span(unscored_, {file_->size() + begin, file_->size() + end});
  for (const int32_t id : ids) bytes_ += settings_.token_bytes[static_cast<size_t>(id)];
  file_->append(ids);
  if (room() > 0) return std::nullopt;
  return close();
}

std::optional<ShardRecord> ShardWriter::finish() {
  if (tokens_in_shard() == 0) return std::nullopt;
  return close();
}

// Writes a file beside the shard; returns its SHA-256.
std::string ShardWriter::write_numbers(std::string_view extension, std::span<const uint32_t> numbers) const {
  const auto bytes = std::as_bytes(numbers);
  write_file_atomically(path(extension), {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return sha256_hex(bytes);
}

ShardRecord ShardWriter::close() {
  ShardRecord shard{.file = path(".bin").filename(),
                    .starts_file = path(".starts").filename(),
                    .tokens = file_->size(),
                    .documents = static_cast<int64_t>(starts_.size()),
                    .bytes = bytes_,
                    .sha256 = {},
                    .starts_sha256 = {}};
  file_->finish();
  file_.reset();
  shard.starts_sha256 = write_numbers(".starts", starts_);
  if (!unscored_.empty()) {
    std::vector<uint32_t> stored;
    for (const auto& [begin, end] : unscored_) {
      stored.push_back(static_cast<uint32_t>(begin));
      stored.push_back(static_cast<uint32_t>(end));
    }
    shard.unscored_file = path(".unscored").filename();
    shard.unscored_sha256 = write_numbers(".unscored", stored);
  }
  std::error_code error;
  std::filesystem::rename(path(kUnfinished), path(".bin"), error);
  if (error) fail(ExitCode::kFailed, "{}: cannot be renamed: {}", path(kUnfinished).string(), error.message());
  sync_directory(settings_.folder);
  shard.sha256 = sha256_of_file(path(".bin"));
  starts_.clear();
  unscored_.clear();
  bytes_ = 0;
  ++index_;
  return shard;
}

}  // namespace slm
