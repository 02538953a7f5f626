#include "data/token_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "core/error_of.h"
#include "core/temporary_folder.h"
#include "data/write_token_file.h"

namespace slm {
namespace {

std::vector<int64_t> read_all(const TokenFile& file) {
  std::vector<int64_t> ids(static_cast<size_t>(file.size()));
  file.copy(0, ids);
  return ids;
}

int32_t header_field(const std::string& content, size_t index) {
  int32_t value;
  std::memcpy(&value, content.data() + index * 4, 4);
  return value;
}

std::string with_header_field(std::string content, size_t index, int32_t value) {
  std::memcpy(content.data() + index * 4, &value, 4);
  return content;
}

}  // namespace

// The layout of llm.c's dev/data/data_common.py: 256 int32 (magic, version, count), then the ids.
TEST(TokenFile, HasTheLayoutOfLlmC) {
  const TemporaryFolder folder;
  write_token_file(folder / "narrow.bin", std::vector<int32_t>{1, 258, 65535}, 65536);
  const std::string narrow = read_file(folder / "narrow.bin");
  ASSERT_EQ(narrow.size(), 1024 + 6);
  EXPECT_EQ(header_field(narrow, 0), 20240520);
  EXPECT_EQ(header_field(narrow, 1), 1);
  EXPECT_EQ(header_field(narrow, 2), 3);
  for (size_t i = 3; i < 256; ++i) ASSERT_EQ(header_field(narrow, i), 0);
  EXPECT_EQ(narrow.substr(1024), std::string("\1\0\2\1\xFF\xFF", 6));

  write_token_file(folder / "wide.bin", std::vector<int32_t>{1, 65536}, 65537);
  const std::string wide = read_file(folder / "wide.bin");
  ASSERT_EQ(wide.size(), 1024 + 8);
  EXPECT_EQ(header_field(wide, 0), 20240801);
  EXPECT_EQ(header_field(wide, 1), 7);
  EXPECT_EQ(header_field(wide, 2), 2);
  EXPECT_EQ(wide.substr(1024), std::string("\1\0\0\0\0\0\1\0", 8));
}

TEST(TokenFile, WhatIsWrittenIsReadInBothWidths) {
  const TemporaryFolder folder;
  std::vector<int32_t> ids(1000);
  std::iota(ids.begin(), ids.end(), 64'700);
  for (const int64_t vocab_size : {65'700, 128'256}) {
    write_token_file(folder / "t.bin", ids, vocab_size);
    const TokenFile file(folder / "t.bin", vocab_size);
    EXPECT_EQ(read_all(file), std::vector<int64_t>(ids.begin(), ids.end()));
    std::vector<int64_t> range(3);
    file.copy(997, range);
    EXPECT_EQ(range, (std::vector<int64_t>{65'697, 65'698, 65'699}));
  }
}

TEST(TokenFile, HoldsNoTokensAtAll) {
  const TemporaryFolder folder;
  write_token_file(folder / "t.bin", {}, 10);
  EXPECT_EQ(TokenFile(folder / "t.bin", 10).size(), 0);
}

TEST(TokenFile, RefusesAHeaderThatIsWrongOrContradictsTheLength) {
  const TemporaryFolder folder;
  write_token_file(folder / "good.bin", std::vector<int32_t>{1, 2, 3, 4}, 10);
  const std::string good = read_file(folder / "good.bin");
  const std::vector<std::string> contents = {
      "",
      good.substr(0, 1023),
      good.substr(0, good.size() - 1),
      good + '\0',
      with_header_field(good, 0, 1234),
      with_header_field(good, 0, 20240801),
      with_header_field(good, 1, 2),
      with_header_field(good, 2, 3),
      with_header_field(good, 2, 5),
      with_header_field(good, 2, -4),
      with_header_field(good, 2, 2147483647),
  };
  for (const std::string& content : contents) {
    write_file_atomically(folder / "bad.bin", content);
    const auto error = error_of([&] { TokenFile(folder / "bad.bin", 10); });
    ASSERT_TRUE(error) << content.size() << " bytes";
    EXPECT_EQ(message_of([&] { TokenReader(folder / "bad.bin", 10); }), error->what());
    EXPECT_EQ(error->code(), ExitCode::kData);
    EXPECT_TRUE(std::string(error->what()).starts_with((folder / "bad.bin").string() + ": ")) << error->what();
  }
}

TEST(TokenFile, AnIdOutsideTheVocabularyIsNamedWithItsPlace) {
  const TemporaryFolder folder;
  write_token_file(folder / "t.bin", std::vector<int32_t>{1, 2, 9, 4}, 10);
  const TokenFile file(folder / "t.bin", 9);
  std::vector<int64_t> last(1);
  file.copy(3, last);
  EXPECT_EQ(last[0], 4);
  const std::string message = message_of([&] { read_all(file); });
  EXPECT_NE(message.find("token 2 is id 9, but the tokenizer's vocabulary has 9"), std::string::npos) << message;
}

TEST(TokenFile, IsReadInPiecesLikeAMap) {
  const TemporaryFolder folder;
  for (const int64_t vocab_size : {1000, 70'000}) {
    std::vector<int32_t> ids(1000);
    std::iota(ids.begin(), ids.end(), 0);
    write_token_file(folder / "t.bin", ids, vocab_size);
    const TokenReader reader(folder / "t.bin", vocab_size);
    ASSERT_EQ(reader.size(), 1000);
    std::vector<int32_t> piece(3);
    reader.read(995, piece);
    EXPECT_EQ(piece, (std::vector<int32_t>{995, 996, 997}));
    const std::string message = message_of([&] { TokenReader(folder / "t.bin", 996).read(995, piece); });
    EXPECT_NE(message.find("t.bin: token 996 is id 996"), std::string::npos) << message;
  }
}

TEST(TokenFile, WithoutAHeaderIsReadWhereThatIsAskedFor) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "raw.bin", std::string("\x05\x00\x34\x12", 4));
  const TokenReader reader(folder / "raw.bin", 65536, /*headerless=*/true);
  std::vector<int32_t> ids(2);
  reader.read(0, ids);
  EXPECT_EQ(ids, (std::vector<int32_t>{5, 0x1234}));
  EXPECT_NE(message_of([&] { TokenReader(folder / "raw.bin", 65536); }).find("too few"), std::string::npos);
  write_file_atomically(folder / "odd.bin", "abc");
  const std::string message = message_of([&] { TokenReader(folder / "odd.bin", 65536, true); });
  EXPECT_NE(message.find("odd.bin: 3 bytes are no whole number of 16-bit ids"), std::string::npos) << message;
}

}  // namespace slm
