#include "kernels/normal.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

namespace slm {
namespace {

at::Tensor draw(int64_t size, uint64_t key, double deviation = 1.0) {
  auto out = at::empty({size});
  fill_normal(out, deviation, key);
  return out;
}

TEST(FillNormal, FollowsTheNormalDistribution) {
  constexpr int64_t kCount = 1'000'000;
  const auto sorted = std::get<0>(draw(kCount, 17, 0.02).to(at::kDouble).div(0.02).sort());
  const auto expected = at::special_ndtr(sorted);
  const auto found = (at::arange(kCount, at::kDouble) + 0.5) / kCount;
  // Kolmogorov's distribution: P(D > 2.0 / sqrt(n)) is 0.0007, and the key is fixed.
  EXPECT_LE((expected - found).abs().max().item<double>(), 2.0 / std::sqrt(kCount));
  EXPECT_GT(sorted[-1].item<double>(), 4.5);
}

TEST(FillNormal, NeighboursAndPairsAreUncorrelated) {
  constexpr int64_t kCount = 1 << 20;
  const auto x = draw(kCount, 5).to(at::kDouble);
  for (const int64_t lag : {1, 2048, 4096, 8192}) {
    const auto product = (x.narrow(0, 0, kCount - lag) * x.narrow(0, lag, kCount - lag)).mean().item<double>();
    EXPECT_LE(std::abs(product), 5 / std::sqrt(static_cast<double>(kCount - lag))) << lag;  // five standard errors
  }
}

TEST(FillNormal, AnElementDependsOnKeyAndPlaceAlone) {
  const auto whole = draw(50'000, 3);
  EXPECT_TRUE(at::equal(draw(9'001, 3), whole.narrow(0, 0, 9'001)));
  EXPECT_FALSE(at::equal(draw(50'000, 4), whole));
  const int threads = at::get_num_threads();
  at::set_num_threads(2);
  EXPECT_TRUE(at::equal(draw(50'000, 3), whole));
  at::set_num_threads(threads);
}

}  // namespace
}  // namespace slm
