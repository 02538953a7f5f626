#include "data/tokenize_streams.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/file.h"
#include "core/log.h"
#include "core/ordered_work.h"
#include "data/encode_chunk.h"
#include "data/reading_progress.h"
#include "data/shard_writer.h"
#include "data/text_chunks.h"

namespace slm {
namespace {

// Bytes of all sources that stand before the place where the journal goes on.
int64_t bytes_before(const std::vector<DataInputs::Stream>& streams, const PrepareJournal& journal) {
  int64_t bytes = 0;
  for (size_t i = 0; i < journal.streams.size(); ++i) {
    const auto& sources = streams[i].sources;
    const bool whole = i + 1 < journal.streams.size() || journal.finished;
    const size_t read = whole ? sources.size() : static_cast<size_t>(journal.position.source);
    for (size_t k = 0; k < read; ++k) bytes += source_bytes(streams[i].role, sources[k]);
    if (!whole) bytes += journal.position.offset;
  }
  return bytes;
}

int64_t total_bytes(const std::vector<DataInputs::Stream>& streams) {
  int64_t bytes = 0;
  for (const auto& stream : streams) {
    for (const Source& source : stream.sources) bytes += source_bytes(stream.role, source);
  }
  return bytes;
}

class StreamTokenizing {
 public:
  StreamTokenizing(const DataInputs::Stream& stream, const Tokenizer& tokenizer, const TokenizeSettings& settings,
                   std::span<const int32_t> token_bytes, PrepareJournal& journal)
      : stream_(stream),
        tokenizer_(tokenizer),
        settings_(settings),
        journal_(journal),
        writer_({.folder = settings.tokens,
                 .stream = stream.name,
                 .shard_tokens = journal.shard_tokens,
                 .vocab_size = tokenizer.vocab_size(),
                 .token_bytes = token_bytes},
                journal.streams.back().shards.size()),
        taken_(journal.taken) {}

  /// Returns how many empty documents there were.
  int64_t run(ReadingProgress& progress) {
    ChunkReader reader(stream_.sources, stream_.role, &tokenizer_, journal_.position);
    const auto encode = [this](TextChunk chunk) {
      const Source& source = stream_.sources[static_cast<size_t>(chunk.at.source)];
      return encode_chunk(std::move(chunk), source, stream_.role, tokenizer_);
    };
    int64_t empty = 0;
    work_in_order(
        settings_.threads, [&] { return reader.next(); }, encode,
        [&](const EncodedChunk& chunk) {
          take(chunk);
          empty += chunk.empty_documents;
          progress.add(chunk.bytes);
        });
    if (const auto last = writer_.finish()) journal_.streams.back().shards.push_back(*last);
    journal_.finished = true;
    write_file_atomically(settings_.journal, format_journal(journal_));
    return empty;
  }

 private:
  void take(const EncodedChunk& chunk) {
    const auto size = static_cast<int64_t>(chunk.ids.size());
    for (int64_t done = std::exchange(taken_, 0); done < size;) {
      const int64_t count = std::min(writer_.room(), size - done);
      const auto shard = append(chunk, done, count);
      done += count;
      if (!shard) continue;
      journal_.streams.back().shards.push_back(*shard);
      journal_.position = chunk.at;
      journal_.taken = done;
      write_file_atomically(settings_.journal, format_journal(journal_));
    }
  }

  std::optional<ShardRecord> append(const EncodedChunk& chunk, int64_t first, int64_t count) {
    std::vector<int64_t> starts;
    const auto begin = std::lower_bound(chunk.starts.begin(), chunk.starts.end(), first);
    for (auto it = begin; it != chunk.starts.end() && *it < first + count; ++it) starts.push_back(*it - first);
    return writer_.append(std::span(chunk.ids).subspan(static_cast<size_t>(first), static_cast<size_t>(count)), starts,
                          cut_out(chunk.unscored, first, first + count));
  }

  const DataInputs::Stream& stream_;
  const Tokenizer& tokenizer_;
  const TokenizeSettings& settings_;
  PrepareJournal& journal_;
  ShardWriter writer_;
  int64_t taken_;  // ids of the first chunk that an earlier process has written
};

}  // namespace

void tokenize_streams(const DataInputs& inputs, const Tokenizer& tokenizer, const TokenizeSettings& settings,
                      PrepareJournal& journal) {
  const auto streams = inputs.streams();
  const std::vector<int32_t> token_bytes = token_byte_counts(tokenizer);
  ReadingProgress progress("tokenized", total_bytes(streams), bytes_before(streams, journal));
  int64_t empty = 0;
  while (journal.streams.size() < streams.size() || !journal.finished) {
    if (journal.streams.empty() || journal.finished) {
      journal.streams.push_back({streams[journal.streams.size()].name, {}});
      journal.position = {};
      journal.taken = 0;
      journal.finished = false;
    }
    StreamTokenizing tokenizing(streams[journal.streams.size() - 1], tokenizer, settings, token_bytes, journal);
    empty += tokenizing.run(progress);
  }
  if (empty > 0) log_warning("data: {} empty documents were left out", empty);
  log_info("data: tokenized {}", progress.summary());
}

}  // namespace slm
