#include "data/utf8.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "data/text_error.h"

namespace slm {
namespace {

std::string stream(const std::vector<std::string>& pieces) {
  Utf8Streamer streamer;
  std::string text;
  for (const std::string& piece : pieces) text += streamer.push(piece);
  return text + streamer.finish();
}

// U+FFFD as many times as asked, for the tables below.
std::string replaced(int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += "\xEF\xBF\xBD";
  return text;
}

rc::Gen<char32_t> arbitrary_character() {
  return rc::gen::suchThat(
      rc::gen::map(rc::gen::inRange<uint32_t>(0, 0x110000), [](uint32_t c) { return char32_t{c}; }),
      [](char32_t c) { return c < 0xD800 || c > 0xDFFF; });
}

}  // namespace

// Tables 3-8 to 3-11 of the Unicode standard, version 15: bytes and what they become under maximal subparts.
TEST(Utf8, ReplacesWrongBytesAsTheUnicodeStandardsTablesDo) {
  EXPECT_EQ(stream({"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"}), replaced(8) + "A");
  EXPECT_EQ(stream({"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"}), replaced(8) + "A");
  EXPECT_EQ(stream({"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"}), replaced(5) + "A" + replaced(2) + "B");
  EXPECT_EQ(stream({"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"}), replaced(4) + "A");
}

TEST(Utf8, EveryScalarValueIsReadBack) {
  for (char32_t code_point = 0; code_point <= 0x10FFFF; ++code_point) {
    if (code_point == 0xD800) code_point = 0xE000;
    std::string bytes;
    append_utf8(bytes, code_point);
    const Utf8Character character = decode_utf8(bytes, 0);
    ASSERT_EQ(character.kind, Utf8Character::Kind::kValid) << static_cast<uint32_t>(code_point);
    ASSERT_EQ(character.code_point, code_point);
    ASSERT_EQ(character.length, bytes.size());
  }
}

TEST(Utf8, BytesOfTheLastAndFirstCharacterOfEachLength) {
  std::string bytes;
  for (const char32_t code_point : {0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF})
    append_utf8(bytes, code_point);
  EXPECT_EQ(bytes, "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
}

RC_GTEST_PROP(Utf8Streamer, WhereverAStreamIsCutOnlyWholeCharactersComeOut, ()) {
  std::string text;
  for (const char32_t c : *rc::gen::container<std::vector<char32_t>>(arbitrary_character())) append_utf8(text, c);
  Utf8Streamer streamer;
  std::string out;
  size_t offset = 0;
  while (offset < text.size()) {
    const size_t count = *rc::gen::inRange<size_t>(1, 4);
    out += streamer.push(std::string_view(text).substr(offset, count));
    offset += count;
    for (size_t at = 0; at < out.size();) {
      const Utf8Character character = decode_utf8(out, at);
      RC_ASSERT(character.kind == Utf8Character::Kind::kValid);
      at += character.length;
    }
  }
  RC_ASSERT(out == text);
  RC_ASSERT(streamer.finish().empty());
}

RC_GTEST_PROP(Utf8Streamer, AnyBytesComeOutTheSameHoweverTheyAreCut, (const std::vector<uint8_t>& bytes)) {
  const std::string text(bytes.begin(), bytes.end());
  std::vector<std::string> pieces;
  for (const char byte : text) pieces.emplace_back(1, byte);
  RC_ASSERT(stream(pieces) == stream({text}));
}

TEST(Utf8Streamer, AnUnfinishedCharacterAtTheEndIsReplaced) {
  EXPECT_EQ(stream({"a\xE2\x82"}), std::string("a") + replaced(1));
}

TEST(Utf8, TheCharacterThatTheEndLeavesUnfinishedIsNotWhole) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
  std::vector<size_t> whole;
  for (size_t length = 0; length <= text.size(); ++length) whole.push_back(whole_characters(text.substr(0, length)));
  EXPECT_EQ(whole, (std::vector<size_t>{0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10}));
  EXPECT_EQ(whole_characters("a\xFF"), 2u);  // wrong, and not unfinished
}

TEST(TextError, PlacesCountLinesAndCharacters) {
  const std::string text = "ab\n\xC3\xA9\xC3\xA9x";
  const auto at = [&](size_t offset, const TextPlace& begin) {
    const TextPlace place = place_of(text, offset, begin);
    return std::vector<int64_t>{place.line, place.column, place.byte};
  };
  EXPECT_EQ(at(0, {}), (std::vector<int64_t>{1, 1, 0}));
  EXPECT_EQ(at(2, {}), (std::vector<int64_t>{1, 3, 2}));
  EXPECT_EQ(at(3, {}), (std::vector<int64_t>{2, 1, 3}));
  EXPECT_EQ(at(7, {}), (std::vector<int64_t>{2, 3, 7}));
  EXPECT_EQ(at(2, {5, 4, 100}), (std::vector<int64_t>{5, 6, 102}));
  EXPECT_EQ(at(7, {5, 4, 100}), (std::vector<int64_t>{6, 3, 107}));
}

TEST(TextError, OfAPieceIsMovedToItsPlaceInTheWhole) {
  const TextError second("t", {2, 3, 7}, "byte ", "!"), first("t", {1, 3, 2}, "byte ", "!");
  EXPECT_STREQ(second.what(), "t:2:3: byte 7!");
  EXPECT_STREQ(second.after({5, 4, 100}).what(), "t:6:3: byte 107!");
  EXPECT_STREQ(first.after({5, 4, 100}).what(), "t:5:6: byte 102!");
}

}  // namespace slm
