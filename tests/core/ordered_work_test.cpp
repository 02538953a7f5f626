#include "core/ordered_work.h"

#include <gtest/gtest.h>

#include <chrono>

#include "core/error_of.h"

namespace slm {

TEST(OrderedWork, ResultsAreTakenInOrderAndTheFirstErrorComesOut) {
  for (const int threads : {1, 2, 5}) {
    int given = 0;
    std::vector<int> taken;
    const auto next = [&] { return given < 100 ? std::optional<int>(given++) : std::nullopt; };
    const auto work = [](int item) {
      std::this_thread::sleep_for(std::chrono::microseconds(item * 7 % 50));
      if (item == 63 || item == 61) fail(ExitCode::kData, "item {}", item);
      return 2 * item;
    };
    EXPECT_EQ(message_of([&] { work_in_order(threads, next, work, [&](int result) { taken.push_back(result); }); }),
              "item 61");
    ASSERT_EQ(taken.size(), 61u);
    for (int i = 0; i < 61; ++i) EXPECT_EQ(taken[static_cast<size_t>(i)], 2 * i);
    EXPECT_LE(given, 61 + 2 * threads + 1);
  }
}

}  // namespace slm
