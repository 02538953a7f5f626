#include "data/text_chunks.h"

#include <gtest/gtest.h>

#include <numeric>

#include "core/file.h"
#include "core/temporary_folder.h"
#include "data/encode_chunk.h"
#include "data/write_token_file.h"

namespace slm {
namespace {

// A token a byte and one that ends texts; texts may be cut after a line only.
class ByteTokenizer final : public Tokenizer {
 public:
  static constexpr int32_t kEnd = 256;

  int64_t vocab_size() const override { return 257; }
  std::optional<int32_t> end_of_text() const override { return kEnd; }
  size_t safe_cut(std::string_view text) const override { return text.rfind('\n') + 1; }
  std::string_view token_bytes(int32_t id) const override {
    return id == kEnd ? std::string_view("<end>") : std::string_view(&bytes_[static_cast<size_t>(id)], 1);
  }
  std::string to_json() const override { return "{}"; }

 private:
  std::vector<int32_t> encode_text(std::string_view text, std::string_view, const EncodeOptions&) const override {
    std::vector<int32_t> ids;
    for (const char c : text) ids.push_back(static_cast<uint8_t>(c));
    return ids;
  }

  std::string bytes_ = [] {
    std::string all(256, '\0');
    std::iota(all.begin(), all.end(), 0);
    return all;
  }();
};

struct Read {
  std::vector<int32_t> ids;
  std::vector<int64_t> starts;
  std::vector<ReadPosition> chunks;
};

Read read_all(const std::vector<Source>& sources, ReadPosition from = {}) {
  const ByteTokenizer tokenizer;
  ChunkReader reader(sources, "train", &tokenizer, from);
  Read read;
  while (auto chunk = reader.next()) {
    read.chunks.push_back(chunk->at);
    const Source& source = sources[static_cast<size_t>(chunk->at.source)];
    const auto encoded = encode_chunk(std::move(*chunk), source, "train", tokenizer);
    for (const int64_t start : encoded.starts) read.starts.push_back(static_cast<int64_t>(read.ids.size()) + start);
    read.ids.insert(read.ids.end(), encoded.ids.begin(), encoded.ids.end());
  }
  return read;
}

std::vector<int32_t> ids_of(std::string_view text) {
  std::vector<int32_t> ids;
  for (const char c : text) ids.push_back(c == '|' ? ByteTokenizer::kEnd : static_cast<uint8_t>(c));
  return ids;
}

class TextChunks : public ::testing::Test {
 protected:
  Source text(const std::string& name, std::string_view content, SourceKind kind = SourceKind::kText) const {
    write_file_atomically(folder_ / name, content);
    return {kind, (folder_ / name).string()};
  }

  TemporaryFolder folder_;
};

}  // namespace

TEST_F(TextChunks, EveryDocumentIsFollowedByTheEndOfText) {
  write_token_file(folder_ / "t.bin", ids_of("ab|c|"), 257);
  const Read read = read_all({text("a.txt", "one\xFF"),
                              text("b.jsonl", "{\"text\": \"two\"}\n{\"text\": \"3\"}\n", SourceKind::kJsonLines),
                              {SourceKind::kTokens, (folder_ / "t.bin").string()},
                              text("z.txt", "end")});
  EXPECT_EQ(read.ids, ids_of("one\xFF|two|3|ab|c|end|"));
  EXPECT_EQ(read.starts, (std::vector<int64_t>{0, 5, 9, 11, 14, 16}));
}

TEST_F(TextChunks, AnEndOfTextHasNoBytes) {
  const ByteTokenizer tokenizer;
  const auto counts = token_byte_counts(tokenizer);
  EXPECT_EQ(counts[0], 1);
  EXPECT_EQ(counts[ByteTokenizer::kEnd], 0);
}

TEST_F(TextChunks, ALongTextIsCutWhereTheTokenizerSays) {
  std::string long_text;
  for (int i = 0; long_text.size() < 5'000'000; ++i)
    long_text += std::string(static_cast<size_t>(i % 1000), 'x') + "\n";
  const std::vector<Source> sources = {text("a.txt", long_text), text("b.txt", "second")};
  const Read read = read_all(sources);
  EXPECT_EQ(read.ids, ids_of(long_text + "|second|"));
  EXPECT_EQ(read.starts, (std::vector<int64_t>{0, static_cast<int64_t>(long_text.size()) + 1}));
  ASSERT_GT(read.chunks.size(), 5u);
  for (const ReadPosition& chunk : read.chunks) {
    if (chunk.offset > 0) {
      EXPECT_EQ(long_text[static_cast<size_t>(chunk.offset) - 1], '\n');
    }
  }
  // Begun again at any chunk, the rest is the same.
  for (const ReadPosition& chunk : read.chunks) {
    const Read rest = read_all(sources, chunk);
    EXPECT_TRUE(std::equal(rest.ids.rbegin(), rest.ids.rend(), read.ids.rbegin())) << chunk.offset;
    EXPECT_EQ(rest.ids.size() + static_cast<size_t>(chunk.source == 0 ? chunk.offset : read.starts[1]),
              read.ids.size());
  }
}

TEST_F(TextChunks, AFileAsLongAsAChunkEndsOnce) {
  for (const size_t size : {(size_t{1} << 20) - 1, size_t{1} << 20, size_t{1} << 21}) {
    const std::string content(size, '\n');
    EXPECT_EQ(read_all({text("a.txt", content)}).ids, ids_of(content + "|")) << size;
  }
}

TEST_F(TextChunks, ALineLongerThanAChunkIsReadWhole) {
  const std::string line(3'500'000, 'y');
  const Read read = read_all({text("a.txt", line + "\nz")});
  EXPECT_EQ(read.ids, ids_of(line + "\nz|"));
}

TEST_F(TextChunks, TokenFilesAreReadInPiecesWithTheirDocuments) {
  std::vector<int32_t> ids(700'000, 'x');
  std::vector<int64_t> starts = {0};
  for (int64_t end : {10, 262'143, 262'144, 500'000, 699'999}) {  // around the border of a chunk, too
    ids[static_cast<size_t>(end)] = ByteTokenizer::kEnd;
    if (end + 1 < 700'000) starts.push_back(end + 1);
  }
  write_token_file(folder_ / "t.bin", ids, 257);
  const Read read = read_all({{SourceKind::kTokens, (folder_ / "t.bin").string()}});
  EXPECT_EQ(read.ids, ids);
  EXPECT_EQ(read.starts, starts);
}

}  // namespace slm
