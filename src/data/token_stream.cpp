#include "data/token_stream.h"

#include <algorithm>

#include "core/error.h"

namespace slm {
namespace {

template <class T>
std::span<const T> view_of(const MappedFile& file) {
  return {reinterpret_cast<const T*>(file.bytes().data()), file.bytes().size() / sizeof(T)};
}

[[noreturn]] void refuse(const std::filesystem::path& path, const TokenStream::Shard& shard) {
  fail(ExitCode::kData, "{}: does not belong to {} (file damaged); delete data.json to prepare the data again",
       path.string(), shard.tokens.string());
}

void check_starts(std::span<const uint32_t> starts, const MappedFile& file, const TokenStream::Shard& shard,
                  int64_t tokens) {
  const bool whole = file.bytes().size() % sizeof(uint32_t) == 0;
  if (!whole || (!starts.empty() && starts.back() >= tokens)) refuse(shard.starts, shard);
}

void check_unscored(std::span<const StoredTokenSpan> spans, const MappedFile& file, const TokenStream::Shard& shard,
                    int64_t tokens) {
  const bool whole = file.bytes().size() % sizeof(StoredTokenSpan) == 0;
  if (!whole || (!spans.empty() && spans.back().end > tokens)) refuse(shard.unscored, shard);
}

}  // namespace

TokenStream::TokenStream(const std::vector<Shard>& shards, int64_t vocab_size) {
  for (const Shard& shard : shards) {
    files_.emplace_back(shard.tokens, vocab_size);
    ends_.push_back(size() + files_.back().size());
    auto& starts = starts_.emplace_back();
    if (!shard.starts.empty()) {
      const MappedFile& file = starts_files_.emplace_back(shard.starts);
      starts = view_of<uint32_t>(file);
      check_starts(starts, file, shard, files_.back().size());
    }
    auto& unscored = unscored_.emplace_back();
    if (!shard.unscored.empty()) {
      const MappedFile& file = unscored_files_.emplace_back(shard.unscored);
      unscored = view_of<StoredTokenSpan>(file);
      check_unscored(unscored, file, shard, files_.back().size());
    }
  }
}

size_t TokenStream::shard_of(int64_t token) const {
  return static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), token) - ends_.begin());
}

void TokenStream::copy(int64_t begin, std::span<int64_t> out) const {
  SLM_CHECK(begin >= 0 && begin <= size() && static_cast<int64_t>(out.size()) <= size() - begin);
  for (size_t shard = shard_of(begin); !out.empty(); ++shard) {
    const auto here = static_cast<size_t>(std::min(ends_[shard] - begin, static_cast<int64_t>(out.size())));
    files_[shard].copy(begin - begin_of(shard), out.first(here));
    out = out.subspan(here);
    begin += static_cast<int64_t>(here);
  }
}

std::vector<int64_t> TokenStream::document_starts(int64_t begin, int64_t end) const {
  std::vector<int64_t> found;
  for (size_t shard = shard_of(begin); shard < starts_.size() && begin_of(shard) < end; ++shard) {
    const auto& starts = starts_[shard];
    const int64_t origin = begin_of(shard);
    const auto first = std::lower_bound(starts.begin(), starts.end(), std::max<int64_t>(0, begin - origin));
    for (auto it = first; it != starts.end() && origin + *it < end; ++it) found.push_back(origin + *it - begin);
  }
  return found;
}

void TokenStream::copy_document_starts(int64_t begin, std::span<int64_t> out) const {
  std::fill(out.begin(), out.end(), 0);
  for (const int64_t start : document_starts(begin, begin + static_cast<int64_t>(out.size()))) {
    std::fill(out.begin() + start, out.end(), start);
  }
}

std::vector<TokenSpan> TokenStream::unscored(int64_t begin, int64_t end) const {
  std::vector<TokenSpan> found;
  for (size_t shard = shard_of(begin); shard < unscored_.size() && begin_of(shard) < end; ++shard) {
    const int64_t first = std::max(begin, begin_of(shard)), last = std::min(end, ends_[shard]);
    for (const auto& span : cut_out(unscored_[shard], first - begin_of(shard), last - begin_of(shard))) {
      append_span(found, {span.begin + first - begin, span.end + first - begin});
    }
  }
  return found;
}

bool TokenStream::has_unscored() const {
  return std::any_of(unscored_.begin(), unscored_.end(), [](const auto& spans) { return !spans.empty(); });
}

int64_t TokenStream::documents_longer_than(int64_t tokens) const {
  int64_t count = 0, begin = 0;
  const auto end_at = [&](int64_t end) {
    if (end - begin > tokens) ++count;
    begin = end;
  };
  for (size_t shard = 0; shard < starts_.size(); ++shard) {
    for (const uint32_t start : starts_[shard]) end_at(begin_of(shard) + start);
  }
  end_at(size());
  return count;
}

std::optional<int64_t> TokenStream::last_start_up_to(int64_t token) const {
  for (size_t shard = std::min(shard_of(token) + 1, starts_.size()); shard-- > 0;) {
    const auto& starts = starts_[shard];
    const auto after = std::upper_bound(starts.begin(), starts.end(), token - begin_of(shard));
    if (after != starts.begin()) return begin_of(shard) + *(after - 1);
  }
  return std::nullopt;
}

std::optional<int64_t> TokenStream::first_start_after(int64_t token) const {
  for (size_t shard = shard_of(token); shard < starts_.size(); ++shard) {
    const auto& starts = starts_[shard];
    const auto after = std::upper_bound(starts.begin(), starts.end(), token - begin_of(shard));
    if (after != starts.end()) return begin_of(shard) + *after;
  }
  return std::nullopt;
}

std::optional<int64_t> TokenStream::nearest_document_start(int64_t token) const {
  auto before = last_start_up_to(token);
  if (before == 0) before.reset();
  const auto after = first_start_after(std::max<int64_t>(0, token));
  if (!before || !after) return before ? before : after;
  return token - *before <= *after - token ? before : after;
}

}  // namespace slm
