#include "report/series.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace slm {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(Series, FewPointsAreKeptAndValuesThatAreNotFiniteEndALine) {
  const Series series{{1, 5}, {2, 4}, {3, kNan}, {4, kNan}, {5, 3}, {6, kNan}, {7, 2}, {8, 1}};
  const auto pieces = pieces_of(series, 100);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0].size(), 2u);
  EXPECT_EQ(pieces[1].size(), 1u);
  EXPECT_EQ(pieces[2].back().step, 8);
  EXPECT_EQ(pieces[2].back().low, 1);
  EXPECT_EQ(pieces[2].back().mean, 1);
  EXPECT_EQ(pieces[2].back().high, 1);
}

TEST(Series, ThinningKeepsEveryExtremeAndTheMean) {
  Series series;
  for (int step = 1; step <= 100000; ++step) series.push_back({static_cast<double>(step), std::sin(step * 0.01)});
  series[77777].value = 50;  // one spike
  series[33333].value = -50;
  const auto pieces = pieces_of(series, 400);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_LE(pieces[0].size(), 401u);
  double low = 0, high = 0;
  for (const auto& bucket : pieces[0]) {
    EXPECT_LE(bucket.low, bucket.mean);
    EXPECT_LE(bucket.mean, bucket.high);
    low = std::min(low, bucket.low);
    high = std::max(high, bucket.high);
  }
  EXPECT_EQ(low, -50);
  EXPECT_EQ(high, 50);
  EXPECT_TRUE(std::is_sorted(pieces[0].begin(), pieces[0].end(), [](auto& a, auto& b) { return a.step < b.step; }));
}

TEST(Series, AThinnedLineEndsWhereAWholeStretchIsNotFinite) {
  Series series;
  for (int step = 0; step < 10000; ++step) {
    series.push_back({static_cast<double>(step), step >= 4000 && step < 5000 ? kNan : 1.0});
  }
  series[100].value = kNan;  // too short to see
  EXPECT_EQ(pieces_of(series, 100).size(), 2u);
}

TEST(Series, OfNothingOrOfNothingFiniteHasNoPiece) {
  EXPECT_TRUE(pieces_of({}, 10).empty());
  EXPECT_TRUE(pieces_of({{1, kNan}, {2, kNan}}, 10).empty());
}

}  // namespace
}  // namespace slm
