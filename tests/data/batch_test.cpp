#include "data/batch.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <set>
#include <thread>

#include "core/error_of.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "data/batch_loader.h"
#include "data/write_token_file.h"

namespace slm {
namespace {

// Token i of the stream is `first` + i; the files hold at most `shard` tokens.
std::shared_ptr<const TokenStream> counting_stream(const TemporaryFolder& folder, int32_t count, int64_t vocab_size,
                                                   int32_t shard = 1 << 30, int32_t first = 0) {
  static int serial = 0;
  std::vector<TokenStream::Shard> shards;
  for (int32_t begin = 0; begin < count; begin += shard) {
    std::vector<int32_t> ids(static_cast<size_t>(std::min(shard, count - begin)));
    std::iota(ids.begin(), ids.end(), first + begin);
    shards.push_back({folder / fmt::format("{}.bin", serial++)});
    write_token_file(shards.back().tokens, ids, first + count);
  }
  return std::make_shared<TokenStream>(shards, vocab_size);
}

MixtureCursor cursor_of(const TokenStream& tokens, int64_t length = 8) {
  return {std::vector<MixturePart>{{tokens.size()}}, length, 1337};
}

}  // namespace

TEST(Batch, TargetsAreInputsShiftedByOne) {
  const TemporaryFolder folder;
  const auto tokens = counting_stream(folder, 100, 100);
  Batch batch{.rows = 0, .length = 3, .inputs = {}, .targets = {}};
  for (const int64_t start : {10, 96}) append_window(*tokens, start, false, batch);
  EXPECT_EQ(batch.rows, 2);
  EXPECT_EQ(batch.length, 3);
  EXPECT_EQ(batch.inputs, (std::vector<int64_t>{10, 11, 12, 96, 97, 98}));
  EXPECT_EQ(batch.targets, (std::vector<int64_t>{11, 12, 13, 97, 98, 99}));
}

// The reference of the character model on tinyshakespeare: 111,488 targets in the last 111,540 characters at T = 64.
TEST(EvaluationWindows, HaveAsManyTargetsAsTheReferenceStudy) {
  const EvaluationWindows windows(111'540, 64);
  EXPECT_EQ(windows.targets(), 111'488);
  EXPECT_EQ(windows.window(windows.size() - 1).start, (windows.size() - 1) * 64);
}

TEST(EvaluationWindows, CoverTheTextOnceInOrderAndDropTheTail) {
  const TemporaryFolder folder;
  const auto tokens = counting_stream(folder, 36, 36);
  const EvaluationWindows windows(tokens->size(), 5);
  ASSERT_EQ(windows.size(), 7);
  std::vector<int64_t> inputs, targets;
  std::vector<int64_t> rows;
  for (int64_t first = 0; first < windows.size(); first += 3) {
    const Batch batch = windows.batch(*tokens, first, 3);
    rows.push_back(batch.rows);
    inputs.insert(inputs.end(), batch.inputs.begin(), batch.inputs.end());
    targets.insert(targets.end(), batch.targets.begin(), batch.targets.end());
  }
  EXPECT_EQ(rows, (std::vector<int64_t>{3, 3, 1}));
  std::vector<int64_t> expected(35);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(inputs, expected);
  std::iota(expected.begin(), expected.end(), 1);
  EXPECT_EQ(targets, expected);
}

// The loop of Hugging Face's guide "Perplexity of fixed-length models", in its terms: [begin, end) and trg_len.
TEST(EvaluationWindows, WithAStrideAreThoseOfTheGuide) {
  for (const auto& [tokens, max_length, stride] : std::vector<std::array<int64_t, 3>>{
           {100, 17, 4}, {100, 17, 16}, {101, 17, 5}, {17, 17, 3}, {18, 17, 16}, {20, 17, 1}}) {
    const EvaluationWindows windows(tokens, max_length - 1, stride);
    int64_t index = 0, previous_end = 0, scored = 0;
    for (int64_t begin = 0; begin < tokens; begin += stride, ++index) {
      const int64_t end = std::min(begin + max_length, tokens);
      const int64_t target_length = end - previous_end;
      ASSERT_LT(index, windows.size());
      const auto window = windows.window(index);
      EXPECT_EQ(window.start, begin);
      EXPECT_EQ(window.start + window.length + 1, end);
      EXPECT_EQ(window.scored, index == 0 ? target_length - 1 : target_length);  // the first token has no prediction
      scored += window.scored;
      previous_end = end;
      if (end == tokens) break;
    }
    EXPECT_EQ(windows.size(), index + 1);
    EXPECT_EQ(scored, tokens - 1);
    EXPECT_EQ(windows.targets(), tokens - 1);
  }
}

TEST(EvaluationWindows, AShorterLastWindowIsABatchOfItsOwn) {
  const TemporaryFolder folder;
  const auto tokens = counting_stream(folder, 20, 20);
  const EvaluationWindows windows(tokens->size(), 8, 4);
  ASSERT_EQ(windows.size(), 4);
  EXPECT_EQ(windows.batch(*tokens, 0, 8).rows, 3);
  const Batch last = windows.batch(*tokens, 3, 8);
  EXPECT_EQ(last.targets, (std::vector<int64_t>{13, 14, 15, 16, 17, 18, 19}));
}

TEST(EvaluationWindows, ATextShorterThanAWindowIsAnErrorWithTheCounts) {
  EXPECT_EQ(EvaluationWindows(65, 64).size(), 1);
  EXPECT_EQ(EvaluationWindows(128, 64).size(), 1);  // the last input would have no target
  EXPECT_EQ(EvaluationWindows(129, 64).size(), 2);
  const std::string message = message_of([] { EvaluationWindows(64, 64); });
  EXPECT_NE(message.find("the validation text has 64 tokens; one window takes 65"), std::string::npos) << message;
}

TEST(BatchLoader, GivesTheCursorsWindowsInTheirOrderAcrossEpochs) {
  const TemporaryFolder folder;
  const auto tokens = counting_stream(folder, 200, 200);
  const BatchCursor cursor(tokens->size(), 8, 1337);
  BatchLoader loader({tokens}, cursor_of(*tokens), {.rows = 5});
  for (int64_t window = 0; window < 4 * cursor.windows_per_epoch(); window += 5) {
    ASSERT_EQ(loader.next_window(), window);
    const Batch batch = loader.next();
    ASSERT_EQ(batch.rows, 5);
    for (int64_t row = 0; row < 5; ++row) {
      const int64_t start = cursor.global_window_start(window + row);
      for (int64_t t = 0; t < 8; ++t) {
        ASSERT_EQ(batch.inputs[static_cast<size_t>(row * 8 + t)], start + t);
        ASSERT_EQ(batch.targets[static_cast<size_t>(row * 8 + t)], start + t + 1);
      }
    }
  }
}

TEST(BatchLoader, TheOrderDependsNeitherOnThreadsNorOnTheSizeOfShards) {
  const TemporaryFolder folder;
  const auto whole = counting_stream(folder, 1003, 1003);
  for (const int32_t shard : {1003, 500, 64}) {
    const auto cut = counting_stream(folder, 1003, 1003, shard);
    for (const int threads : {1, 2, 4}) {
      BatchLoader expected({whole}, cursor_of(*whole), {.rows = 3});
      BatchLoader loader({cut}, cursor_of(*cut), {.rows = 3, .threads = threads});
      for (int step = 0; step < 100; ++step) {
        const Batch one = expected.next(), other = loader.next();
        ASSERT_EQ(one.inputs, other.inputs) << shard << " " << threads;
        ASSERT_EQ(one.targets, other.targets) << shard << " " << threads;
      }
    }
  }
}

// Counted over the batches themselves: every window of the epoch's grid once, of which the offset is the epoch's own.
TEST(BatchLoader, NoWindowIsLostOrDoubledInAnEpoch) {
  const TemporaryFolder folder;
  const auto tokens = counting_stream(folder, 1003, 1003, 100);
  const auto cursor = cursor_of(*tokens);
  ASSERT_EQ(cursor.windows_per_epoch(), 124);
  BatchLoader loader({tokens}, cursor, {.rows = 4, .threads = 4});
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::multiset<int64_t> starts;
    for (int step = 0; step < 31; ++step) {
      const Batch batch = loader.next();
      for (int64_t row = 0; row < 4; ++row) starts.insert(batch.inputs[static_cast<size_t>(row * 8)]);
    }
    std::multiset<int64_t> expected;
    for (int64_t i = 0; i < 124; ++i) expected.insert(*starts.begin() + 8 * i);
    EXPECT_EQ(starts, expected) << epoch;
  }
}

TEST(BatchLoader, BegunAnywhereGoesOnAsIfItHadNeverStopped) {
  const TemporaryFolder folder;
  const auto tokens = counting_stream(folder, 200, 200);
  const auto cursor = cursor_of(*tokens);
  BatchLoader whole({tokens}, cursor, {.rows = 3, .threads = 2});
  for (int step = 0; step < 30; ++step) {
    BatchLoader resumed({tokens}, cursor, {.rows = 3, .first_window = whole.next_window()});
    ASSERT_EQ(resumed.next().inputs, whole.next().inputs) << step;
  }
}

TEST(BatchLoader, AnErrorOfItsThreadsComesOutInItsPlaceAndAgain) {
  const TemporaryFolder folder;
  const auto tokens = counting_stream(folder, 200, 150);  // ids 150 .. 199 are too large
  std::vector<int> batches_before;
  for (const int threads : {1, 4}) {
    BatchLoader loader({tokens}, cursor_of(*tokens), {.rows = 1, .threads = threads});
    std::string message = "no error";
    int batches = 0;
    for (; batches < 1000 && message == "no error"; ++batches) message = message_of([&] { loader.next(); });
    EXPECT_NE(message.find("the tokenizer's vocabulary has 150"), std::string::npos) << message;
    EXPECT_EQ(message_of([&] { loader.next(); }), message);
    batches_before.push_back(batches);
  }
  EXPECT_EQ(batches_before[0], batches_before[1]);
}

TEST(BatchLoader, EndsWhereverItIs) {
  const TemporaryFolder folder;
  const auto tokens = counting_stream(folder, 5000, 5000);
  for (int step = 0; step < 200; ++step) {
    BatchLoader loader({tokens}, cursor_of(*tokens), {.rows = 20, .threads = 1 + step % 4});
    if (step % 2 == 1) loader.next();
    if (step % 3 == 0) std::this_thread::yield();
  }
}

TEST(BatchLoader, MixesPartsByTheirWeights) {
  const TemporaryFolder folder;
  const auto small = counting_stream(folder, 400, 400), large = counting_stream(folder, 1600, 2000, 300, 400);
  const MixtureCursor cursor(std::vector<MixturePart>{{400, 3}, {1600, 1}}, 8, 1337);
  BatchLoader loader({small, large}, cursor, {.rows = 8, .threads = 2});
  int64_t of_small = 0;
  const int64_t steps = cursor.windows_per_epoch() / 8;
  for (int64_t step = 0; step < steps; ++step) {
    const Batch batch = loader.next();
    for (int64_t row = 0; row < 8; ++row) of_small += batch.inputs[static_cast<size_t>(row * 8)] < 400;
  }
  EXPECT_NEAR(static_cast<double>(of_small) / static_cast<double>(8 * steps), 0.75, 0.01);
}

TEST(Batch, KnowsWhereDocumentsBegin) {
  const TemporaryFolder folder;
  const auto shard = [&](const std::string& name, int32_t count, const std::vector<uint32_t>& starts) {
    write_token_file(folder / (name + ".bin"), std::vector<int32_t>(static_cast<size_t>(count), 1), 2);
    write_file_atomically(folder / name, {reinterpret_cast<const char*>(starts.data()), 4 * starts.size()});
    return TokenStream::Shard{folder / (name + ".bin"), folder / name};
  };
  // Documents begin at 0, 4, 10, 12 and 19.
  const TokenStream tokens({shard("a", 10, {0, 4}), shard("b", 5, {0, 2}), shard("c", 10, {4})}, 2);
  Batch batch{.rows = 0, .length = 6, .inputs = {}, .targets = {}};
  for (const int64_t start : {0, 7, 12}) append_window(tokens, start, true, batch);
  EXPECT_EQ(batch.document_starts, (std::vector<int64_t>{0, 0, 0, 0, 4, 4, 0, 0, 0, 3, 3, 5, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(tokens.document_starts(0, 25), (std::vector<int64_t>{0, 4, 10, 12, 19}));
  EXPECT_EQ(tokens.nearest_document_start(0), 4);
  EXPECT_EQ(tokens.nearest_document_start(7), 4);  // 10 is as near
  EXPECT_EQ(tokens.nearest_document_start(8), 10);
  EXPECT_EQ(tokens.nearest_document_start(24), 19);
  EXPECT_EQ(TokenStream({{folder / "a.bin"}}, 2).nearest_document_start(3), std::nullopt);
  const std::string message = message_of([&] { TokenStream({shard("d", 4, {0, 4})}, 2); });
  EXPECT_NE(message.find("does not belong to"), std::string::npos) << message;
}

}  // namespace slm
