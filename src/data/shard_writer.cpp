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

std::optional<ShardRecord> ShardWriter::append(std::span<const int32_t> ids, std::span<const int64_t> starts) {
  SLM_CHECK(static_cast<int64_t>(ids.size()) <= room());
  if (!file_) file_.emplace(path(kUnfinished), settings_.vocab_size);
  for (const int64_t start : starts) starts_.push_back(static_cast<uint32_t>(file_->size() + start));
  for (const int32_t id : ids) bytes_ += settings_.token_bytes[static_cast<size_t>(id)];
  file_->append(ids);
  if (room() > 0) return std::nullopt;
  return close();
}

std::optional<ShardRecord> ShardWriter::finish() {
  if (tokens_in_shard() == 0) return std::nullopt;
  return close();
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
  const auto starts = std::as_bytes(std::span(starts_));
  write_file_atomically(path(".starts"), {reinterpret_cast<const char*>(starts.data()), starts.size()});
  std::error_code error;
  std::filesystem::rename(path(kUnfinished), path(".bin"), error);
  if (error) fail(ExitCode::kFailed, "{}: cannot be renamed: {}", path(kUnfinished).string(), error.message());
  sync_directory(settings_.folder);
  shard.sha256 = sha256_of_file(path(".bin"));
  shard.starts_sha256 = sha256_hex(starts);
  starts_.clear();
  bytes_ = 0;
  ++index_;
  return shard;
}

}  // namespace slm
