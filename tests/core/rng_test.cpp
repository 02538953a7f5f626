#include "core/rng.h"

#include <gtest/gtest.h>

namespace slm {
namespace {

// Known-answer vectors of the Random123 library (kat_vectors, philox 4x32, 10 rounds).
TEST(Philox, EqualsRandom123KnownAnswers) {
  using Block = std::array<uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, ManyBlocksAtOnceEqualOneByOne) {
  const uint64_t key = 0x299f31d0a4093822, first = 0xfffffffe;  // the counter's low word overflows
  std::array<std::array<uint32_t, 5>, 4> words{};
  philox4x32_blocks(key, first, 5, {words[0].data(), words[1].data(), words[2].data(), words[3].data()});
  for (uint64_t j = 0; j < 5; ++j) {
    const uint64_t block = first + j;
    const auto one =
        philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0}, {0xa4093822, 0x299f31d0});
    for (size_t w = 0; w < 4; ++w) EXPECT_EQ(words[w][j], one[w]);
  }
}

TEST(CounterRng, UniformHasMeanOneHalfAndStaysBelowOne) {
  const CounterRng rng(derive_key(7, "test"));
  double sum = 0;
  for (uint64_t i = 0; i < 100000; ++i) {
    const double x = rng.uniform(0, i);
    ASSERT_GE(x, 0.0);
    ASSERT_LT(x, 1.0);
    sum += x;
  }
  EXPECT_NEAR(sum / 100000, 0.5, 5 * 0.2887 / 316.2);  // five standard errors
}

TEST(CounterRng, PurposesAndSeedsGiveDifferentStreams) {
  EXPECT_NE(derive_key(1, "a"), derive_key(1, "b"));
  EXPECT_NE(derive_key(1, "a"), derive_key(2, "a"));
}

TEST(RngStream, BelowReachesEveryValueEquallyOften) {
  RngStream stream(derive_key(3, "below"));
  std::array<int, 6> counts{};
  for (int i = 0; i < 60000; ++i) ++counts[stream.below(6)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 5 * 91.3);  // five standard deviations
}

TEST(RngStream, ContinuesFromItsPosition) {
  RngStream whole(11);
  whole.next_bits();
  whole.next_bits();
  RngStream resumed(11, whole.position());
  EXPECT_EQ(resumed.next_bits(), whole.next_bits());
}

}  // namespace
}  // namespace slm
