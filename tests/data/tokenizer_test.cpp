#include "data/tokenizer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "core/error_of.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "data/char_tokenizer.h"
#include "data/utf8.h"

namespace slm {
namespace {

using Json = nlohmann::json;

CharTokenizer tokenizer_of(std::string_view text) {
  CharacterSet characters;
  characters.add(text, "text");
  return CharTokenizer(characters.code_points());
}

// The tokenizer.json of a Hugging Face folder (a character model of tinyshakespeare) that AutoTokenizer loads.
const std::string kFixture = SLM_SOURCE_DIR "/tests/data/fixtures/shakespeare_tokenizer.json";
constexpr std::string_view kShakespeareCharacters =
    "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// What `load_tokenizer` says about the fixture after a change.
std::string message_after(const std::function<void(Json&)>& change) {
  const TemporaryFolder folder;
  Json json = Json::parse(read_file(kFixture));
  change(json);
  write_file_atomically(folder / "t.json", json.dump());
  return message_of([&] { load_tokenizer(folder / "t.json"); });
}

}  // namespace

TEST(CharTokenizer, WritesTheFileThatHuggingFaceLoadsByteForByte) {
  EXPECT_EQ(tokenizer_of(kShakespeareCharacters).to_json(), read_file(kFixture));
}

TEST(CharTokenizer, IdsFollowTheOrderOfCodePoints) {
  const CharTokenizer tokenizer = tokenizer_of(
      "b\xE2\x82\xAC\xF0\x9F\x98\x80\xC3\xA9"
      "a\n");  // b, euro, emoji, e acute
  EXPECT_EQ(tokenizer.vocab_size(), 6);
  EXPECT_EQ(tokenizer.encode("\na"
                             "b\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"),
            (std::vector<int32_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(token_byte_counts(tokenizer), (std::vector<int32_t>{1, 1, 1, 2, 3, 4}));
}

RC_GTEST_PROP(CharTokenizer, DecodeOfEncodeIsTheTextAndSoItIsAfterWritingAndReading, ()) {
  std::string text;
  for (const uint32_t c :
       *rc::gen::nonEmpty(rc::gen::container<std::vector<uint32_t>>(rc::gen::inRange(0u, 0xD800u)))) {
    append_utf8(text, c);
  }
  const CharTokenizer tokenizer = tokenizer_of(text);
  const std::vector<int32_t> ids = tokenizer.encode(text);
  RC_ASSERT(tokenizer.decode(ids) == text);
  const CharTokenizer again = CharTokenizer::from_json(Json::parse(tokenizer.to_json()), "t");
  RC_ASSERT(again.encode(text) == ids);
  RC_ASSERT(again.hash() == tokenizer.hash());
}

TEST(CharTokenizer, ACharacterThatItLacksIsAnErrorWithItsPlace) {
  const CharTokenizer tokenizer = tokenizer_of("abc\n");
  const auto error = error_of([&] { tokenizer.encode("ab\nc\xC3\xA9", "input.txt"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::kData);
  EXPECT_STREQ(error->what(),
               "input.txt:2:2: character '\xC3\xA9' (U+00E9) at byte 4 is not in the tokenizer's vocabulary of 4 "
               "characters; remove it or use a tokenizer made from text that holds it");
}

TEST(CharTokenizer, BytesThatAreNotUtf8AreAnErrorWithTheirPlace) {
  const CharTokenizer tokenizer = tokenizer_of("abc\n");
  for (const char* tail : {"\xFF", "\xC3", "\xED\xA0\x80", "\xC0\x80"}) {
    const std::string message = message_of([&] { tokenizer.encode(std::string("ab\n") + tail, "input.txt"); });
    EXPECT_TRUE(message.starts_with("input.txt:2:1: byte 3 (0x")) << message;
    EXPECT_NE(message.find("is not UTF-8"), std::string::npos) << message;
  }
}

TEST(CharTokenizer, AnIdOutsideTheVocabularyIsAnError) {
  const CharTokenizer tokenizer = tokenizer_of("abc");
  for (const int32_t id : {-1, 3}) EXPECT_EQ(error_of([&] { tokenizer.token_bytes(id); })->code(), ExitCode::kData);
}

TEST(LoadTokenizer, KeepsIdsThatFollowNoOrder) {
  const TemporaryFolder folder;
  Json json = Json::parse(read_file(kFixture));
  json["model"]["vocab"] = {{"a", 2}, {"b", 0}, {"\xC3\xA9", 1}};
  write_file_atomically(folder / "t.json", json.dump());
  EXPECT_EQ(load_tokenizer(folder / "t.json")->encode("ab\xC3\xA9"), (std::vector<int32_t>{2, 0, 1}));
}

TEST(LoadTokenizer, RefusesByNameWhatItDoesNotDo) {
  const auto names = [](const std::string& message, const char* key) {
    return message.find(std::string("t.json: ") + key + ": ") != std::string::npos;
  };
  EXPECT_TRUE(names(message_after([](Json& j) { j["normalizer"] = {{"type", "NFC"}}; }), "normalizer"));
  EXPECT_TRUE(names(message_after([](Json& j) { j["pre_tokenizer"] = {{"type", "ByteLevel"}}; }), "pre_tokenizer"));
  EXPECT_TRUE(names(message_after([](Json& j) { j["decoder"] = {{"type", "ByteLevel"}}; }), "decoder.type"));
  EXPECT_TRUE(names(message_after([](Json& j) { j["decoder"] = nullptr; }), "decoder"));
  EXPECT_TRUE(names(message_after([](Json& j) { j["added_tokens"] = {{{"id", 0}}}; }), "added_tokens[0]"));
  EXPECT_TRUE(names(message_after([](Json& j) { j["model"]["type"] = "WordPiece"; }), "model.type"));
  EXPECT_TRUE(names(message_after([](Json& j) { j["model"]["merges"] = {"a b"}; }), "model.merges"));
  EXPECT_TRUE(names(message_after([](Json& j) { j["model"]["unk_token"] = "?"; }), "model.unk_token"));
  EXPECT_TRUE(names(message_after([](Json& j) { j["model"]["byte_fallback"] = true; }), "model.byte_fallback"));
  EXPECT_TRUE(names(message_after([](Json& j) { j["model"]["new"] = 1; }), "model.new"));
  EXPECT_TRUE(names(message_after([](Json& j) { j.erase("truncation"); }), "truncation"));
  EXPECT_TRUE(names(message_after([](Json& j) { j["model"] = 3; }), "model"));
}

TEST(LoadTokenizer, RefusesAVocabularyThatIsNoListOfCharacters) {
  for (const Json& vocabulary :
       {Json{{"ab", 0}}, Json{{"", 0}}, Json{{"a", 1}}, Json{{"a", 0}, {"b", 0}}, Json{{"a", -1}}, Json{{"a", 0.0}},
        Json{{"a", "0"}}, Json::object(), Json::array({"a"}), Json{{"a", 18446744073709551615u}}}) {
    const std::string message = message_after([&](Json& json) { json["model"]["vocab"] = vocabulary; });
    EXPECT_NE(message.find("t.json: model.vocab: "), std::string::npos) << vocabulary << ": " << message;
  }
}

TEST(TokenizerConfig, HoldsWhatHuggingFaceNeeds) {
  const Json json = Json::parse(tokenizer_config_json(tokenizer_of("abc"), 64));
  EXPECT_EQ(json["tokenizer_class"], "PreTrainedTokenizerFast");
  EXPECT_EQ(json["model_max_length"], 64);
}

}  // namespace slm
