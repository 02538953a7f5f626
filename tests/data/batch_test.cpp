#include "data/batch.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <thread>

#include "core/error_of.h"
#include "core/temporary_folder.h"
#include "data/batch_loader.h"

namespace slm {
namespace {

// Token i of the file is i.
std::shared_ptr<const TokenFile> counting_file(const TemporaryFolder& folder, int32_t count, int64_t vocab_size) {
  std::vector<int32_t> ids(static_cast<size_t>(count));
  std::iota(ids.begin(), ids.end(), 0);
  write_token_file(folder / "t.bin", ids, count);
  return std::make_shared<TokenFile>(folder / "t.bin", vocab_size);
}

}  // namespace

TEST(Batch, TargetsAreInputsShiftedByOne) {
  const TemporaryFolder folder;
  const auto tokens = counting_file(folder, 100, 100);
  const Batch batch = read_windows(*tokens, std::vector<int64_t>{10, 96}, 3);
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
  const auto tokens = counting_file(folder, 36, 36);
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
  const auto tokens = counting_file(folder, 20, 20);
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
  const auto tokens = counting_file(folder, 200, 200);
  const BatchCursor cursor(tokens->size(), 8, 1337);
  BatchLoader loader(tokens, cursor, 5);
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

TEST(BatchLoader, BegunAnywhereGoesOnAsIfItHadNeverStopped) {
  const TemporaryFolder folder;
  const auto tokens = counting_file(folder, 200, 200);
  const BatchCursor cursor(tokens->size(), 8, 1337);
  BatchLoader whole(tokens, cursor, 3);
  for (int step = 0; step < 30; ++step) {
    BatchLoader resumed(tokens, cursor, 3, whole.next_window());
    ASSERT_EQ(resumed.next().inputs, whole.next().inputs) << step;
  }
}

TEST(BatchLoader, AnErrorOfItsThreadComesOutOfNextAndAgain) {
  const TemporaryFolder folder;
  const auto tokens = counting_file(folder, 200, 150);  // ids 150 .. 199 are too large
  BatchLoader loader(tokens, BatchCursor(tokens->size(), 8, 1337), 1);
  std::string message = "no error";
  for (int step = 0; step < 1000 && message == "no error"; ++step) message = message_of([&] { loader.next(); });
  EXPECT_NE(message.find("the tokenizer's vocabulary has 150"), std::string::npos) << message;
  EXPECT_EQ(message_of([&] { loader.next(); }), message);
}

TEST(BatchLoader, EndsWhereverItIs) {
  const TemporaryFolder folder;
  const auto tokens = counting_file(folder, 5000, 5000);
  for (int step = 0; step < 200; ++step) {
    BatchLoader loader(tokens, BatchCursor(tokens->size(), 8, 1337), 20);
    if (step % 2 == 1) loader.next();
    if (step % 3 == 0) std::this_thread::yield();
  }
}

}  // namespace slm
