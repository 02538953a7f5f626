#include "generation/text_stream.h"

#include <gtest/gtest.h>

namespace slm {
namespace {

std::string all(TextStream& stream, std::string_view text) {
  std::string shown;
  for (const char c : text) shown += stream.push({&c, 1});
  return shown + stream.finish();
}

TEST(TextStream, ShowsWholeCharactersOnly) {
  TextStream stream({});
  EXPECT_EQ(stream.push("a\xC3"), "a");
  EXPECT_EQ(stream.push("\xA9z"), "\xC3\xA9z");
}

TEST(TextStream, EndsBeforeAStopStringThatComesInPieces) {
  TextStream stream({"END"});
  EXPECT_EQ(stream.push("one E"), "one ");
  EXPECT_EQ(stream.push("N"), "");
  EXPECT_EQ(stream.push("D two"), "");
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, ReleasesWhatTurnsOutToBeNoStopString) {
  TextStream stream({"END"});
  EXPECT_EQ(all(stream, "the EN of EEND"), "the EN of E");
  EXPECT_TRUE(stream.stopped());
}

TEST(TextStream, TheFirstOfSeveralStopStringsEndsTheText) {
  TextStream stream({"xyz", "b"});
  EXPECT_EQ(all(stream, "aaxybxyz"), "aaxy");
}

TEST(TextStream, HeldBackTextComesOutAtTheEnd) {
  TextStream stream({"END"});
  EXPECT_EQ(all(stream, "the EN"), "the EN");
  EXPECT_FALSE(stream.stopped());
}

}  // namespace
}  // namespace slm
