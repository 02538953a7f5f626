#include "core/json.h"

#include <gtest/gtest.h>

#include "core/error_of.h"
#include "core/file.h"
#include "core/json_lines.h"
#include "core/temporary_folder.h"

namespace slm {

namespace {

std::string refusal(std::string_view text, const JsonLimits& limits = {}) {
  const auto error = error_of([&] { parse_json(text, "a.json", limits); });
  if (!error) return "accepted";
  EXPECT_EQ(error->code(), ExitCode::kData);
  return error->what();
}

}  // namespace

TEST(Json, ReadsWhatNlohmannReads) {
  for (const char* text : {
           "null",
           " [ ] ",
           "{}",
           "\"\"",
           "-0.5e-3",
           "18446744073709551615",
           "-9223372036854775808",
           R"({"a": [1, 2.5, {"b": [[], {}, null, true, false]}], "c": "\u00fc\ud83d\ude00\n\"\\", "": 0})",
           R"([[1, [2, [3]]], {"x": {"y": {"z": "deep"}}}, 4])",
       }) {
    EXPECT_EQ(parse_json(text, "a.json"), nlohmann::json::parse(text)) << text;
    EXPECT_EQ(parse_json(text, "a.json").dump(), nlohmann::json::parse(text).dump()) << text;
  }
}

TEST(Json, RefusesAKeyThatStandsTwiceAndNamesItsPlace) {
  EXPECT_EQ(refusal("{\"a\": 1,\n  \"a\": 2}"), R"(a.json:2:3: key "a" stands twice; expected it once)");
  EXPECT_EQ(refusal(R"({"x": {"q\"\\": 1, "q\"\\": 2}})"),
            R"(a.json:1:20: key "q\"\\" stands twice; expected it once)");
  EXPECT_EQ(refusal(R"({"a": 1, "\u0061": 2})"), R"(a.json:1:10: key "a" stands twice; expected it once)");
  EXPECT_EQ(refusal(R"([{"a": 1}, {"a": 1, "b": {"a": 1}}])"), "accepted");
}

TEST(JsonLines, AnErrorNamesFileLineAndColumn) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& text) {
    write_file_atomically(folder / "a.jsonl", text);
    const auto prefix = (folder / "a.jsonl").string();
    const auto found = message_of([&] { read_json_lines(folder / "a.jsonl"); });
    return found.starts_with(prefix) ? found.substr(prefix.size()) : found;
  };
  EXPECT_EQ(message("{\"a\": 1}\n\n  {\"a\": 2}\r\n{}"), "no error");
  EXPECT_EQ(message("{}\n{\"a\": 1, \"a\": 2}\n"), ":2:10: key \"a\" stands twice; expected it once");
  EXPECT_EQ(message("{}\n\n[]\n"), ":3: expected a JSON object");
  EXPECT_EQ(message(" \n"), ": no line of JSON; expected an object a line");
  write_file_atomically(folder / "a.jsonl", "\n{\"x\": [7]}\n");
  const auto lines = read_json_lines(folder / "a.jsonl");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].origin, (folder / "a.jsonl").string() + ":2");
  EXPECT_EQ(lines[0].value["x"][0], 7);
}

TEST(Json, CountsColumnsInCharacters) {
  EXPECT_EQ(refusal("{\"größe\": 1, \"größe\": 2}"), R"(a.json:1:14: key "größe" stands twice; expected it once)");
}

TEST(Json, RefusesWhatRfc8259DoesNotAllow) {
  for (const char* text : {"",        " ",           "{",          "[1,]",     "{\"a\":1,}", "{a: 1}",   "'a'", "[1] 2",
                           "01",      "+1",          ".5",         "1.",       "NaN",        "Infinity", "-",   "tru",
                           "\"\\x\"", "\"\\ud800\"", "// note\n1", "\"a\nb\"", "1e999",      "[}"}) {
    EXPECT_TRUE(refusal(text).starts_with("a.json:1:")) << text << " -> " << refusal(text);
  }
}

TEST(Json, NamesThePlaceOfASyntaxError) {
  EXPECT_TRUE(refusal("{\n  \"a\": 1,\n  \"b\": tru\n}").starts_with("a.json:3:11: ")) << refusal("{\n\"b\": tru\n}");
  EXPECT_TRUE(refusal("[1, 2").starts_with("a.json:1:6: ")) << refusal("[1, 2");
}

TEST(Json, RefusesInvalidUtf8AndZeroBytes) {
  for (const std::string& text : {std::string("[\"\xff\"]"), std::string("[\"\xc3\"]"), std::string("[\"\xc0\x80\"]"),
                                  std::string("[\"\xed\xa0\x80\"]"), std::string("[1]\0[2]", 7)}) {
    const std::string message = refusal(text);
    EXPECT_TRUE(message.starts_with("a.json:1:")) << message;
    EXPECT_EQ(message.find_first_of("\xff\xc3\xc0\xed"), std::string::npos) << message;
  }
}

TEST(Json, LimitsDepthAndSize) {
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  EXPECT_EQ(refusal(deep), "accepted");
  EXPECT_EQ(refusal("[" + deep + "]"), "a.json:1:65: nested deeper than 64 levels");
  EXPECT_EQ(refusal(std::string(1'000'000, '[')), "a.json:1:65: nested deeper than 64 levels");
  EXPECT_EQ(refusal("[1, 2]", {.max_bytes = 6}), "accepted");
  EXPECT_EQ(refusal("[1, 2] ", {.max_bytes = 6}), "a.json: 7 bytes of JSON; expected at most 6");
}

TEST(Json, QuotesTextSoThatATerminalSeesNoControlCharacter) {
  EXPECT_EQ(quote_json("a\"b\x1b[31m"), R"("a\"b\u001b[31m")");
  EXPECT_EQ(quote_json("\xff"), "\"\xef\xbf\xbd\"");
  EXPECT_EQ(quote_json(std::string(1000, 'x')).size(), 105u);
}

}  // namespace slm
