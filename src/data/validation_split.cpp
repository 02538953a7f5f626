#include "data/validation_split.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/log.h"

namespace slm {
namespace {

constexpr int64_t kBlockTokens = int64_t{1} << 20;

void keep(std::optional<ShardRecord> shard, StreamRecord& stream) {
  if (shard) stream.shards.push_back(*std::move(shard));
}

// One stream, whose shards lie in `settings.folder`.
class CutStream {
 public:
  CutStream(const StreamRecord& stream, const ShardSettings& settings, double fraction)
      : stream_(stream),
        settings_(settings),
        tokens_(open_stream(stream, settings.folder, settings.vocab_size)),
        cut_(find_cut(tokens_, fraction)) {}

  void copy_end(ShardWriter& writer, StreamRecord& written) const { copy(cut_, tokens_.size(), writer, written); }

  // What is before the cut: whole shards, and a shorter one in the folder `replaced`.
  StreamRecord shorten(const std::filesystem::path& replaced) const {
    StreamRecord kept{stream_.name, {}};
    int64_t end = 0;  // of the whole shards
    for (const ShardRecord& shard : stream_.shards) {
      if (end + shard.tokens > cut_) break;
      kept.shards.push_back(shard);
      end += shard.tokens;
    }
    auto shorter = settings_;
    shorter.folder = replaced;
    shorter.stream = stream_.name;
    ShardWriter writer(shorter, kept.shards.size());
    copy(end, cut_, writer, kept);
    keep(writer.finish(), kept);
    return kept;
  }

 private:
  // Appends the ids [begin, end) with their documents. What follows the cut begins one.
  void copy(int64_t begin, int64_t end, ShardWriter& writer, StreamRecord& written) const {
    for_each_block(begin, end, [&](std::span<const int32_t> ids, int64_t place) {
      while (!ids.empty()) {
        const int64_t count = std::min(writer.room(), static_cast<int64_t>(ids.size()));
        auto starts = tokens_.document_starts(place, place + count);
        if (place == cut_ && (starts.empty() || starts.front() != 0)) starts.insert(starts.begin(), 0);
        const auto unscored = tokens_.unscored(place, place + count);
        keep(writer.append(ids.first(static_cast<size_t>(count)), starts, unscored), written);
        ids = ids.subspan(static_cast<size_t>(count));
        place += count;
      }
    });
  }

  // Calls `visit` for blocks of the ids [begin, end), none beyond its shard, with the place of each block's first.
  void for_each_block(int64_t begin, int64_t end,
                      const std::function<void(std::span<const int32_t>, int64_t)>& visit) const {
    std::vector<int32_t> ids;
    int64_t origin = 0;  // of the shard
    for (const ShardRecord& shard : stream_.shards) {
      const int64_t last = std::min(end, origin + shard.tokens);
      if (begin < last) {
        const TokenReader reader(settings_.folder / shard.file, settings_.vocab_size);
        for (; begin < last; begin += static_cast<int64_t>(ids.size())) {
          ids.resize(static_cast<size_t>(std::min(kBlockTokens, last - begin)));
          reader.read(begin - origin, ids);
          visit(ids, begin);
        }
      }
      origin += shard.tokens;
    }
  }

  const StreamRecord& stream_;
  const ShardSettings& settings_;
  TokenStream tokens_;
  int64_t cut_;
};

}  // namespace

TokenStream open_stream(const StreamRecord& stream, const std::filesystem::path& folder, int64_t vocab_size) {
  std::vector<TokenStream::Shard> shards;
  for (const ShardRecord& shard : stream.shards) {
    shards.push_back({folder / shard.file, folder / shard.starts_file});
    if (!shard.unscored_file.empty()) shards.back().unscored = folder / shard.unscored_file;
  }
  return {shards, vocab_size};
}

int64_t find_cut(const TokenStream& tokens, double fraction) {
  const auto size = static_cast<double>(tokens.size());
  const auto kept = static_cast<int64_t>(std::floor(size * (1 - fraction)));
  const auto document = tokens.nearest_document_start(kept);
  if (!document) return kept;
  const double moved = std::abs(static_cast<double>(*document - kept));
  if (moved <= size * std::min(fraction, 1 - fraction) / 2) return *document;
  log_info("data: no document ends near the share of data.validation_fraction, so one is cut in two");
  return kept;
}

SplitTokens split_validation(const std::vector<StreamRecord>& streams, double fraction, const ShardSettings& validation,
                             const std::filesystem::path& replaced) {
  SplitTokens split{{}, {validation.stream, {}}};
  ShardWriter writer(validation);
  for (const StreamRecord& stream : streams) {
    const CutStream cut(stream, validation, fraction);
    cut.copy_end(writer, split.validation);
    split.train.push_back(cut.shorten(replaced));
  }
  keep(writer.finish(), split.validation);
  return split;
}

}  // namespace slm
