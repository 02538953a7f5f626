#include "data/batch_cursor.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "core/error_of.h"
#include "data/mixture_cursor.h"
#include "data/permutation.h"

namespace slm {

TEST(Permutation, IsABijectionForEverySizeUpTo2000) {
  for (uint64_t size = 1; size <= 2000; ++size) {
    const Permutation permutation(42, 7, size);
    std::vector<bool> hit(size);
    for (uint64_t i = 0; i < size; ++i) {
      const uint64_t image = permutation(i);
      ASSERT_LT(image, size);
      ASSERT_FALSE(hit[image]) << size;
      hit[image] = true;
    }
  }
}

TEST(Permutation, ReachesEveryOrderOfFourAboutEquallyOften) {
  constexpr int kDraws = 24'000;
  std::map<std::vector<uint64_t>, int> counts;
  for (int stream = 0; stream < kDraws; ++stream) {
    const Permutation permutation(1, static_cast<uint64_t>(stream), 4);
    ++counts[{permutation(0), permutation(1), permutation(2), permutation(3)}];
  }
  EXPECT_EQ(counts.size(), 24u);
  double chi_squared = 0;
  for (const auto& [order, count] : counts) chi_squared += std::pow(count - kDraws / 24.0, 2) / (kDraws / 24.0);
  EXPECT_LT(chi_squared, 49.7);  // 23 degrees of freedom, p = 0.001
}

TEST(Permutation, SendsAnIndexAnywhereAboutEquallyOften) {
  constexpr uint64_t kSize = 50;
  constexpr int kDraws = 50'000;
  for (const uint64_t index : {uint64_t{0}, uint64_t{31}, kSize - 1}) {
    std::vector<int> counts(kSize);
    for (int stream = 0; stream < kDraws; ++stream)
      ++counts[Permutation(3, static_cast<uint64_t>(stream), kSize)(index)];
    double chi_squared = 0;
    for (const int count : counts) chi_squared += std::pow(count - 1000.0, 2) / 1000.0;
    EXPECT_LT(chi_squared, 85.4) << index;  // 49 degrees of freedom, p = 0.001
  }
}

TEST(Permutation, WorksForSizesThatNoTableHolds) {
  for (const uint64_t size : {uint64_t{1} << 32, (uint64_t{1} << 40) + 12345, uint64_t{1} << 62}) {
    const Permutation permutation(9, 0, size);
    std::set<uint64_t> images;
    for (uint64_t i = 0; i < 1000; ++i) images.insert(permutation(i));
    EXPECT_EQ(images.size(), 1000u);
    EXPECT_LT(*images.rbegin(), size);
    EXPECT_GT(*images.rbegin(), size / 2);
  }
}

RC_GTEST_PROP(BatchCursor, AnEpochHasNoTokenTwiceAsATargetAndLeavesOutFewerThanTwoWindows, ()) {
  const int64_t length = *rc::gen::inRange<int64_t>(1, 20);
  const int64_t tokens = *rc::gen::inRange<int64_t>(length + 1, 400);
  const BatchCursor cursor(tokens, length, *rc::gen::arbitrary<uint64_t>());
  for (int64_t epoch = 0; epoch < 5; ++epoch) {
    std::vector<int> seen(static_cast<size_t>(tokens));
    for (int64_t position = 0; position < cursor.windows_per_epoch(); ++position) {
      const int64_t start = cursor.window_start(epoch, position);
      RC_ASSERT(start >= 0 && start + length < tokens);
      for (int64_t t = 1; t <= length; ++t) RC_ASSERT(++seen[static_cast<size_t>(start + t)] == 1);
    }
    RC_ASSERT(tokens - 1 - cursor.windows_per_epoch() * length < 2 * length);
  }
}

TEST(BatchCursor, EveryTokenButTheFirstBecomesATargetInSomeEpoch) {
  for (const int64_t tokens : {65, 100, 127, 128, 129, 1000}) {
    const BatchCursor cursor(tokens, 64, 1337);
    std::set<int64_t> targets;
    for (int64_t epoch = 0; epoch < 2000; ++epoch) {
      for (int64_t position = 0; position < cursor.windows_per_epoch(); ++position) {
        for (int64_t t = 1; t <= 64; ++t) targets.insert(cursor.window_start(epoch, position) + t);
      }
    }
    EXPECT_EQ(static_cast<int64_t>(targets.size()), tokens - 1) << tokens;
  }
}

TEST(BatchCursor, EpochsDifferInOrderAndOffset) {
  const BatchCursor cursor(100'000, 64, 1337);
  std::set<std::vector<int64_t>> orders;
  std::set<int64_t> offsets;
  for (int64_t epoch = 0; epoch < 20; ++epoch) {
    std::vector<int64_t> order;
    for (int64_t position = 0; position < 10; ++position) order.push_back(cursor.window_start(epoch, position) / 64);
    orders.insert(order);
    offsets.insert(cursor.window_start(epoch, 0) % 64);
  }
  EXPECT_EQ(orders.size(), 20u);
  EXPECT_GT(offsets.size(), 10u);
}

TEST(BatchCursor, SeedsDiffer) {
  const BatchCursor one(100'000, 64, 1), two(100'000, 64, 2);
  int equal = 0;
  for (int64_t i = 0; i < 100; ++i) equal += one.global_window_start(i) == two.global_window_start(i);
  EXPECT_LT(equal, 5);
}

TEST(BatchCursor, LocateCountsWindowsAcrossEpochs) {
  const BatchCursor cursor(1000, 64, 5);
  int64_t global = 0;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    for (int64_t position = 0; position < cursor.windows_per_epoch(); ++position, ++global) {
      const auto place = cursor.locate(global);
      ASSERT_EQ(place.epoch, epoch);
      ASSERT_EQ(place.position, position);
      ASSERT_EQ(cursor.global_window_start(global), cursor.window_start(epoch, position));
    }
  }
}

// A run that was started by another version must go on with the same data. The numbers are those of a second
// implementation (Philox, Feistel network and offsets in a page of Python).
TEST(BatchCursor, TheOrderOfOneSeedNeverChanges) {
  const BatchCursor cursor(1'003'854, 64, 1337);
  EXPECT_EQ(cursor.windows_per_epoch(), 15'684);
  std::vector<int64_t> starts;
  for (const int64_t global : {0, 1, 2, 15'683, 15'684, 100'000}) starts.push_back(cursor.global_window_start(global));
  EXPECT_EQ(starts, (std::vector<int64_t>{855'305, 435'849, 984'841, 262'025, 234'829, 778'638}));
}

TEST(BatchCursor, ATextShorterThanAWindowIsAnErrorWithTheCounts) {
  EXPECT_EQ(BatchCursor(65, 64, 1).windows_per_epoch(), 1);
  const auto error = error_of([] { BatchCursor(64, 64, 1); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::kData);
  EXPECT_NE(std::string(error->what()).find("the training text has 64 tokens; one window takes 65"), std::string::npos)
      << error->what();
}

TEST(MixtureCursor, OfOnePartIsTheBatchCursor) {
  const BatchCursor one(1'003'854, 64, 1337);
  const MixtureCursor mixture(std::vector<MixturePart>{{1'003'854, 2.5}}, 64, 1337);
  EXPECT_EQ(mixture.windows_per_epoch(), one.windows_per_epoch());
  for (const int64_t n : {0, 1, 15'683, 15'684, 100'000}) {
    EXPECT_EQ(mixture.window(n).start, one.global_window_start(n));
  }
}

// Hamilton's apportionment; and over so many epochs that every part was read whole several times, each of its windows
// came equally often, give or take the pass that is under way.
RC_GTEST_PROP(MixtureCursor, GivesEachPartItsShareAndNoWindowTwiceInAPass, ()) {
  constexpr int64_t kLength = 4;
  std::vector<MixturePart> parts(*rc::gen::inRange<size_t>(2, 5));
  double sum = 0;
  for (auto& part : parts) {
    part.tokens = *rc::gen::inRange<int64_t>(50, 300);
    part.weight = *rc::gen::inRange(10, 100);
    sum += part.weight;
  }
  const MixtureCursor cursor(parts, kLength, *rc::gen::arbitrary<uint64_t>());
  const int64_t windows = cursor.windows_per_epoch();
  int64_t total = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const double share = static_cast<double>(windows) * parts[i].weight / sum;
    RC_ASSERT(std::abs(static_cast<double>(cursor.windows_of(i)) - share) < 1);
    total += cursor.windows_of(i);
  }
  RC_ASSERT(total == windows);
  constexpr int64_t kEpochs = 6;
  std::vector<int64_t> read(parts.size());
  // A part's windows lie on a grid whose offset changes with each pass, so that a token is a target once a pass at
  // most.
  std::vector<std::map<int64_t, int64_t>> targets(parts.size());
  for (int64_t n = 0; n < kEpochs * windows; ++n) {
    const auto [part, start] = cursor.window(n);
    RC_ASSERT(start >= 0 && start + kLength < parts[part].tokens);
    ++read[part];
    for (int64_t t = 1; t <= kLength; ++t) ++targets[part][start + t];
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    RC_ASSERT(read[i] == kEpochs * cursor.windows_of(i));
    const int64_t passes = (read[i] + cursor.windows_in(i) - 1) / cursor.windows_in(i);
    for (const auto& [token, times] : targets[i]) RC_ASSERT(times <= passes);
  }
}

TEST(MixtureCursor, IsMixedAndDiffersByEpochAndSeed) {
  const std::vector<MixturePart> parts = {{10'000, 1}, {10'000, 1}};
  const MixtureCursor one(parts, 10, 1), two(parts, 10, 2);
  std::vector<size_t> first, second, other;
  for (int64_t n = 0; n < 200; ++n) {
    first.push_back(one.window(n).part);
    second.push_back(one.window(n + one.windows_per_epoch()).part);
    other.push_back(two.window(n).part);
  }
  EXPECT_NEAR(static_cast<double>(std::count(first.begin(), first.end(), 0u)), 100, 35);  // five standard deviations
  EXPECT_NE(first, second);
  EXPECT_NE(first, other);
}

TEST(MixtureCursor, AWeightThatIsNoWindowIsAnError) {
  const std::string message = message_of([] {
    MixtureCursor(std::vector<MixturePart>{{1000, 1}, {1000, 1e-9}}, 10, 1);
  });
  EXPECT_NE(message.find("the weight 1e-09 of entry 2 gives it none of the 198 windows"), std::string::npos) << message;
}

}  // namespace slm
