// The pinned tables. scripts/make_unicode_tables.py --check, part of scripts/interop, compares them with Hugging Face
// `tokenizers` for every code point.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "data/unicode/properties.h"

namespace slm {
namespace {

size_t size_of(const CodePointSet& set) {
  size_t size = 0;
  for (const auto [first, last] : set.ranges()) size += last - first + 1;
  return size;
}

bool contains(const CodePointSet& set, char32_t code_point) {
  for (const auto [first, last] : set.ranges()) {
    if (code_point >= first && code_point <= last) return true;
  }
  return false;
}

// The totals that the Unicode standard gives for version 16.0; 15.1 has 1,831 Lu, and 17.0 more than 16.0.
TEST(Unicode, CategoriesAreOfVersion16) {
  const std::map<std::string, size_t> totals = {
      {"Lu", 1858}, {"Ll", 2258}, {"Lt", 31},  {"Lm", 404}, {"Lo", 136477}, {"Mn", 2020}, {"Mc", 468}, {"Me", 13},
      {"Nd", 760},  {"Nl", 236},  {"No", 915}, {"Pc", 10},  {"Pd", 27},     {"Ps", 79},   {"Pe", 77},  {"Pi", 12},
      {"Pf", 10},   {"Po", 640},  {"Sm", 950}, {"Sc", 63},  {"Zs", 17},     {"Zl", 1},    {"Zp", 1},   {"Cc", 65}};
  for (const auto& [name, total] : totals) EXPECT_EQ(size_of(*unicode::property(name)), total) << name;
}

TEST(Unicode, EveryCharacterIsOfExactlyOneGroup) {
  size_t size = 0;
  CodePointSet all;
  for (const char* group : {"L", "M", "N", "P", "S", "Z", "C"}) {
    size += size_of(*unicode::property(group));
    all.add(*unicode::property(group));
  }
  EXPECT_EQ(size, 0x110000u - 0x800u);
  EXPECT_EQ(size_of(all), size);
  EXPECT_TRUE(all.complement().ranges().empty());
}

TEST(Unicode, NamesArePickedWhateverTheirCase) {
  EXPECT_EQ(size_of(*unicode::property("lU")), 1858u);
  EXPECT_TRUE(contains(*unicode::property("Han"), 0x4E2D));
  for (const char* name : {"", "X", "Lx", "Greek", "any"}) EXPECT_FALSE(unicode::property(name)) << name;
}

TEST(Unicode, SpacesAreThoseOfTheStandard) {
  EXPECT_EQ(size_of(unicode::white_space()), 25u);
  for (const char32_t space : {0x09, 0x0D, 0x20, 0x85, 0xA0, 0x2028, 0x3000}) {
    EXPECT_TRUE(contains(unicode::white_space(), space));
  }
  for (const char32_t other : {0x1C, 0x200B, 0x180E, 0xFEFF}) EXPECT_FALSE(contains(unicode::white_space(), other));
}

TEST(CodePointSet, JoinsWhatTouchesAndLeavesOutSurrogates) {
  CodePointSet set;
  set.add({0x20, 0x2F});
  set.add({0x10, 0x1F});
  set.add({0x30, 0x30});
  ASSERT_EQ(set.ranges().size(), 1u);
  EXPECT_EQ(set.ranges()[0].first, 0x10u);
  EXPECT_EQ(set.ranges()[0].last, 0x30u);
  EXPECT_EQ(size_of(set.complement()), 0x110000u - 0x800u - 0x21u);
  EXPECT_EQ(size_of(CodePointSet().complement()), 0x110000u - 0x800u);
}

}  // namespace
}  // namespace slm
