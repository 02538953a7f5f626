#include "report/axis.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slm {
namespace {

std::string labels(const Axis& axis) {
  std::string text;
  for (const auto& tick : axis.ticks) text += (text.empty() ? "" : " ") + tick.label;
  return text;
}

TEST(Axis, TicksStandAtRoundNumbers) {
  EXPECT_EQ(labels(linear_axis(0.61, 4.4, 6, AxisEnds::kRound)), "0 1 2 3 4 5");
  EXPECT_EQ(labels(linear_axis(1.13, 1.58, 6, AxisEnds::kRound)), "1.1 1.2 1.3 1.4 1.5 1.6");
  EXPECT_EQ(labels(linear_axis(0, 6e-4, 6, AxisEnds::kRound)), "0 0.0001 0.0002 0.0003 0.0004 0.0005 0.0006");
  EXPECT_EQ(labels(linear_axis(0, 6e-7, 3, AxisEnds::kRound)), "0 2e-7 4e-7 6e-7");
  EXPECT_EQ(labels(linear_axis(0, 18700, 4, AxisEnds::kRound)), "0 5k 10k 15k 20k");
  EXPECT_EQ(labels(linear_axis(10, 1500, 6, AxisEnds::kExact)), "500 1,000 1,500");
  EXPECT_EQ(labels(linear_axis(0, 2.4e6, 5, AxisEnds::kExact)), "0 0.5M 1.0M 1.5M 2.0M");
  EXPECT_EQ(labels(linear_axis(-3, 3, 6, AxisEnds::kRound)), "-3 -2 -1 0 1 2 3");
}

TEST(Axis, ALogarithmicOneHasPowersOfTen) {
  EXPECT_EQ(labels(logarithmic_axis(0.03, 4000)), "0.1 1 10 100 1000");
  EXPECT_EQ(labels(logarithmic_axis(0.3, 40)), "0.2 0.5 1 2 5 10 20 50");
  const auto axis = logarithmic_axis(0.03, 4000);
  EXPECT_NEAR(axis.place(axis.low), 0, 1e-12);
  EXPECT_NEAR(axis.place(std::sqrt(axis.low * axis.high)), 0.5, 1e-12);
  EXPECT_NEAR(axis.place(axis.high), 1, 1e-12);
  EXPECT_LE(logarithmic_axis(1e-280, 1e280).ticks.size(), 10u);
}

TEST(Axis, HoldsItsValuesAndHasALengthWhateverTheyAre) {
  for (const auto& [low, high] : {std::pair(0.0, 0.0),
                                  {5.0, 5.0},
                                  {-2.0, -2.0},
                                  {1e12, 1e12 + 1},
                                  {1e-300, 1e-300},
                                  {-1e299, 1e299},
                                  {0.1, 0.1 + 1e-15}}) {
    for (const auto ends : {AxisEnds::kExact, AxisEnds::kRound}) {
      const auto axis = linear_axis(low, high, 6, ends);
      EXPECT_LT(axis.low, axis.high) << low;
      EXPECT_GE(axis.place(low), -1e-9) << low;
      EXPECT_LE(axis.place(high), 1 + 1e-9) << high;
      EXPECT_GE(axis.ticks.size(), 2u) << low;
      EXPECT_LE(axis.ticks.size(), 9u) << low;
    }
  }
}

}  // namespace
}  // namespace slm
