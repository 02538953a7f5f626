// What "N threads" is worth: at::parallel_for is a plain loop in files that are compiled without OpenMP.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

namespace slm {
namespace {

TEST(Threads, ParallelForUsesAsManyAsAreAskedFor) {
  const int before = at::get_num_threads();
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    std::mutex mutex;
    std::set<int> seen;
    at::parallel_for(0, 64, 1, [&](int64_t, int64_t) {
      const std::lock_guard lock(mutex);
      seen.insert(at::get_thread_num());
    });
    EXPECT_EQ(seen.size(), static_cast<size_t>(threads));
  }
  at::set_num_threads(before);
}

}  // namespace
}  // namespace slm
