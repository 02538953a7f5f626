// Token files one behind the other as one sequence, and where its documents begin.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "data/token_file.h"
#include "data/token_span.h"

namespace slm {

/// Reading is safe from several threads.
class TokenStream {
 public:
  struct Shard {
    std::filesystem::path tokens;
    std::filesystem::path starts = {};    // none: nothing is known of documents
    std::filesystem::path unscored = {};  // none: every token is scored
  };

  /// Errors as TokenFile's; and where a file of starts or of unscored tokens names tokens that are not there.
  TokenStream(const std::vector<Shard>& shards, int64_t vocab_size);

  int64_t size() const { return ends_.empty() ? 0 : ends_.back(); }
  const std::filesystem::path& first_file() const { return files_.front().path(); }

  /// Copies ids begin .. begin + out.size() - 1. Errors as TokenFile's.
  void copy(int64_t begin, std::span<int64_t> out) const;

  /// For each of the out.size() tokens from `begin` on: where among them its document begins (0 for one that began
  /// earlier).
  void copy_document_starts(int64_t begin, std::span<int64_t> out) const;

  /// Tokens from `begin` to before `end` that begin a document, as their distances from `begin`.
  std::vector<int64_t> document_starts(int64_t begin, int64_t end) const;

  /// Tokens from `begin` to before `end` that carry no loss as targets, as distances from `begin`.
  std::vector<TokenSpan> unscored(int64_t begin, int64_t end) const;
  bool has_unscored() const;

  /// How many of the documents have more than `tokens` tokens.
  int64_t documents_longer_than(int64_t tokens) const;

  /// The document start nearest to `token` that is neither the first token nor past the last; the earlier of two.
  std::optional<int64_t> nearest_document_start(int64_t token) const;

 private:
  size_t shard_of(int64_t token) const;
  int64_t begin_of(size_t shard) const { return shard == 0 ? 0 : ends_[shard - 1]; }
  std::optional<int64_t> last_start_up_to(int64_t token) const;
  std::optional<int64_t> first_start_after(int64_t token) const;

  std::vector<TokenFile> files_;
  std::vector<int64_t> ends_;  // of each shard, in the sequence
  std::vector<MappedFile> starts_files_;
  std::vector<std::span<const uint32_t>> starts_;  // of each shard, from its own beginning, ascending
  std::vector<MappedFile> unscored_files_;
  std::vector<std::span<const StoredTokenSpan>> unscored_;  // likewise
};

}  // namespace slm
