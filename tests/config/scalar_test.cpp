#include "config/scalar.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>
#include <cmath>
#include <limits>

namespace slm {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max(), kMin = std::numeric_limits<int64_t>::min();

TEST(ConfigNumbers, WholeNumbersMayBeWrittenWithExponentOrFractionIfTheirValueIsWhole) {
  EXPECT_EQ(parse_whole_number("0"), 0);
  EXPECT_EQ(parse_whole_number("-0"), 0);
  EXPECT_EQ(parse_whole_number("-17"), -17);
  EXPECT_EQ(parse_whole_number("1e9"), 1'000'000'000);
  EXPECT_EQ(parse_whole_number("1E+3"), 1000);
  EXPECT_EQ(parse_whole_number("2.5e3"), 2500);
  EXPECT_EQ(parse_whole_number("2500e-2"), 25);
  EXPECT_EQ(parse_whole_number("2.0"), 2);
  EXPECT_EQ(parse_whole_number("0e999999999999999999"), 0);
  EXPECT_EQ(parse_whole_number("9223372036854775807"), kMax);
  EXPECT_EQ(parse_whole_number("-9223372036854775808"), kMin);
}

TEST(ConfigNumbers, WholeNumbersThatAreNoneOrDoNotFitAreRefused) {
  for (const auto* text : {"1.5", "1e-1", "9223372036854775808", "-9223372036854775809", "1e19", "1e999999999999999999",
                           "1e-999999999999999999", "1e9999999999"}) {
    EXPECT_EQ(parse_whole_number(text), std::nullopt) << text;
  }
}

TEST(ConfigNumbers, FollowTheGrammarOfJson) {
  for (const auto* text : {"",      "-",  "010", "00",   "0x10", "0o7",   "+1",  "1_000", ".5",  "5.",  "1e",  "1e+",
                           "1e+-3", "1 ", " 1",  ".nan", ".inf", "-.inf", "nan", "inf",   "yes", "1,5", "0b1", "--1"}) {
    EXPECT_FALSE(is_number(text)) << text;
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
    EXPECT_EQ(parse_whole_number(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_number("1e-3"), 0.001);
  EXPECT_EQ(parse_number("-0.5E+1"), -5.0);
  EXPECT_EQ(parse_number("1e400"), std::nullopt);
}

TEST(ConfigNumbers, EveryFiniteDoubleIsPrintedSoThatItsBitsComeBack) {
  const auto comes_back = [](double value) {
    const auto read = parse_number(format_number(value));
    return read && std::bit_cast<uint64_t>(*read) == std::bit_cast<uint64_t>(value);
  };
  for (const double value : {0.1, -0.0, 1e-8, 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 1e22}) {
    EXPECT_TRUE(comes_back(value)) << value;
  }
  EXPECT_TRUE(rc::check([&](uint64_t bits) {
    const auto value = std::bit_cast<double>(bits);
    RC_PRE(std::isfinite(value));
    RC_ASSERT(comes_back(value));
  }));
}

TEST(ConfigNumbers, EveryInt64ComesBack) {
  EXPECT_TRUE(rc::check([](int64_t value) { RC_ASSERT(parse_whole_number(std::to_string(value)) == value); }));
}

TEST(ConfigText, IsQuotedOnlyWhereYamlWouldReadSomethingElse) {
  for (const auto* plain : {"runs/a", "builtin:stories", "../b.txt", "data/*.txt", "cosine", "1-sqrt", "a.b"}) {
    EXPECT_EQ(format_text(plain), plain);
  }
  for (const auto* quoted :
       {"", "null", "true", "12", "1e5", "~", "a b", "a: b", "a:", "- a", "#a", "[a", "*.txt", "..."}) {
    EXPECT_EQ(format_text(quoted), '"' + std::string(quoted) + '"');
  }
  EXPECT_EQ(format_text("say \"a\\b\"\n\x04"), "\"say \\\"a\\\\b\\\"\\n\\x04\"");
}

}  // namespace
}  // namespace slm
