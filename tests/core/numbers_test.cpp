#include "core/numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace slm {
namespace {

TEST(Numbers, AreWrittenWithCommas) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(with_commas(-123), "-123");
  EXPECT_EQ(with_commas(-123456), "-123,456");
  EXPECT_EQ(with_commas(std::numeric_limits<int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Numbers, AreWrittenShort) {
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(2.4312), "2.431");
  EXPECT_EQ(short_number(9999), "9999");
  EXPECT_EQ(short_number(12347), "12.35k");
  EXPECT_EQ(short_number(-2.1e6, 3), "-2.1M");
  EXPECT_EQ(short_number(999.97e3, 3), "1M");
  EXPECT_EQ(short_number(3e9), "3G");
  EXPECT_EQ(short_number(6e-7), "6e-7");
  EXPECT_EQ(short_number(0.0006), "0.0006");
  EXPECT_EQ(short_number(1e30), "1e+30");
  EXPECT_EQ(short_number(NAN), "not finite");
}

}  // namespace
}  // namespace slm
