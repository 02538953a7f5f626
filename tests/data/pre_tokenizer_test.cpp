#include "data/bpe/pre_tokenizer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "core/error_of.h"
#include "core/file.h"
#include "core/json.h"
#include "data/bpe/normalizer.h"
#include "data/bpe/split_stage.h"
#include "data/utf8.h"

namespace slm {
namespace {

using Json = nlohmann::json;
using Pieces = std::vector<std::string>;

Pieces split(const PreTokenizer& pre_tokenizer, std::string_view text) {
  std::vector<std::string_view> pieces;
  pre_tokenizer.split(text, pieces);
  return {pieces.begin(), pieces.end()};
}

std::string join(const Pieces& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return text;
}

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

/// A Sequence of `stage` and a ByteLevel without a pattern of its own.
std::unique_ptr<const PreTokenizer> sequence_of(const Json& stage) {
  return parse_pre_tokenizer({{"type", "Sequence"}, {"pretokenizers", Json::array({stage, byte_level(false)})}},
                             "test");
}

/// What the patterns tell apart, side by side, and any other character; as valid UTF-8.
rc::Gen<std::string> valid_text() {
  const auto known = rc::gen::element<std::string>(
      " ", "  ", "\n", "\r\n", "\r", "\t", "a", "the", "THE", "'s", "'T", "'re", "'vE", "'m", "'LL", "'d", "'\u017F",
      "'", "''", "0", "1234", "!", "?!", "-", std::string(1, '\0'), "\u0085", "\u00A0", "\u00E9", "\u4E2D", "\u0661",
      "\u00BD", "\u0301", "\u200B", "\u2028", "\u3000", "\U0001F600", "\U0001D7CE");
  const auto any = rc::gen::map(rc::gen::inRange<uint32_t>(0, 0x110000 - 0x800), [](uint32_t i) {
    std::string character;
    append_utf8(character, static_cast<char32_t>(i < 0xD800 ? i : i + 0x800));
    return character;
  });
  const auto part = rc::gen::weightedOneOf<std::string>({{9, known}, {1, any}});
  return rc::gen::map(rc::gen::container<Pieces>(part), join);
}

RC_GTEST_PROP(PreTokenizer, PiecesJoinedAreTheTextWhateverTheBytes, (const std::string& bytes)) {
  RC_ASSERT(join(split(*gpt2_pre_tokenizer(), bytes)) == bytes);
  RC_ASSERT(join(split(*llama3_pre_tokenizer(), bytes)) == bytes);
}

RC_GTEST_PROP(WordMatcher, CutsAsPcre2DoesWithTheSamePattern, ()) {
  const std::string text = *rc::gen::resize(60, valid_text());
  for (const std::string_view pattern : {kGpt2Pattern, kLlama3Pattern, kQwen2Pattern}) {
    const PatternStage oracle(Pattern(pattern, "oracle"), SplitBehavior::kIsolated, false);
    std::vector<std::string_view> expected, found;
    if (!text.empty()) oracle.split(text, expected);
    (*word_matcher(pattern))(text, found);
    RC_ASSERT(found == expected);
  }
}

Json golden(const std::string& name) {
  const std::string path = std::string(SLM_SOURCE_DIR) + "/tests/golden/tokenizers/" + name;
  return parse_json(read_file(path), path);
}

// The patterns of GPT-2, Llama 3, Qwen2, SmolLM, GPT-4o, DeepSeek and BLOOM, and what Oniguruma's syntax has beyond.
TEST(PreTokenizer, CutsAsHuggingFaceDoes) {
  const Json expected = golden("pre_tokenizers.json");
  for (const Json& pre_tokenizer_case : expected["cases"]) {
    const Json& json = pre_tokenizer_case["pre_tokenizer"];
    const auto pre_tokenizer = parse_pre_tokenizer(json, "golden");
    EXPECT_EQ(Json(pre_tokenizer->to_json()), json);
    for (size_t i = 0; i < expected["texts"].size(); ++i) {
      const auto text = expected["texts"][i].get<std::string>();
      EXPECT_EQ(split(*pre_tokenizer, text), pre_tokenizer_case["pieces"][i].get<Pieces>()) << json << "\n" << text;
    }
  }
}

TEST(Normalizer, ComposesAsHuggingFaceDoes) {
  const Normalizer nfc = parse_normalizer({{"type", "NFC"}}, "test");
  const Json texts = golden("nfc.json")["texts"];
  for (const Json& text : texts) {
    EXPECT_EQ(nfc.normalize(text[0].get<std::string>()), text[1].get<std::string>()) << text[0];
  }
}

TEST(Normalizer, LeavesBytesThatAreNoCharacter) {
  EXPECT_EQ(Normalizer(Normalization::kNfc).normalize("e\u0301\xFF\u0301\xC3"), "\u00E9\xFF\u0301\xC3");
}

TEST(Normalizer, RefusesOthersByName) {
  EXPECT_EQ(message_of([] {
              parse_normalizer({{"type", "NFKC"}}, "t.json: normalizer");
            }),
            "t.json: normalizer: found \"NFKC\"; slm knows null and NFC");
}

std::string refusal_of(const Json& json) {
  return message_of([&] { parse_pre_tokenizer(json, "t.json: pre_tokenizer"); });
}

TEST(PreTokenizer, RefusesByNameWhatItDoesNotDo) {
  const std::string where = "t.json: pre_tokenizer";
  EXPECT_EQ(refusal_of(nullptr), where + ": found null; expected an object with a type");
  EXPECT_EQ(refusal_of({{"type", "Metaspace"}}),
            where + ".type: found \"Metaspace\"; slm knows ByteLevel, Split, Digits and Sequence");
  EXPECT_EQ(refusal_of({{"type", "Digits"}, {"individual_digits", true}}),
            where + ": expected one ByteLevel, at the end; slm's BPE works on bytes");
  Json prefixed = byte_level(true);
  prefixed["add_prefix_space"] = true;
  EXPECT_TRUE(parse_pre_tokenizer(prefixed, where)->adds_prefix_space());
  const Json digits = {{"type", "Digits"}, {"individual_digits", true}};
  EXPECT_EQ(refusal_of({{"type", "Sequence"}, {"pretokenizers", Json::array({digits, prefixed})}}),
            where + ".pretokenizers[1].add_prefix_space: found true behind another pre-tokenizer; expected false");
  Json unknown = byte_level(true);
  unknown["speed"] = 1;
  EXPECT_EQ(refusal_of(unknown), where + ".speed: unknown key of ByteLevel");
}

TEST(Pattern, RefusesWhatPcre2WouldReadDifferently) {
  for (const char* pattern :
       {"\\h",   "\\R",         "\\1",         "a(?i)b",     "(?m:.)", "(?<name>a)", "(*UTF)",   "a{2}+",
        "a{2}?", "[[:alpha:]]", "[a&&b]",      "\\p{Greek}", "\\xE9",  "[]",         "[a",       "a)",
        "",      "\xFF",        "(?i)straSSe", "\\",         "[b-a]",  "[a-\\d]",    "\\x{D800}"}) {
    EXPECT_TRUE(message_of([&] { Pattern(pattern, "p"); }).starts_with("p: ")) << pattern;
  }
  EXPECT_EQ(message_of([] { Pattern("a\\h+", "p"); }),
            "p: cannot be used from byte 1 on, at \"\\\\h+\": slm does not know this escape");
}

// (a|aa)+ tries exponentially many ways.
TEST(Pattern, GivesUpOnAPatternThatTriesTooManyWays) {
  const Pattern pattern("(?:a|aa)+[bc]", "p");
  const std::string text(200, 'a');
  EXPECT_TRUE(message_of([&] { pattern.find(text, 0); }).starts_with("p: gave up on a text of 200 bytes: "));
}

TEST(PreTokenizer, ABadByteIsAPieceOfItsOwn) {
  EXPECT_EQ(split(*gpt2_pre_tokenizer(), "ab\xFF\xFE cd\xE4\xB8"),
            (Pieces{"ab", "\xFF", "\xFE", " cd", "\xE4", "\xB8"}));
}

// The example of Hugging Face's documentation of SplitDelimiterBehavior.
TEST(PreTokenizer, SplitsByEveryBehavior) {
  const std::map<std::string, Pieces> expected = {
      {"Removed", {"the", "final", "countdown"}},
      {"Isolated", {"the", "-", "final", "-", "-", "countdown"}},
      {"MergedWithPrevious", {"the-", "final-", "-", "countdown"}},
      {"MergedWithNext", {"the", "-final", "-", "-countdown"}},
      {"Contiguous", {"the", "-", "final", "--", "countdown"}},
  };
  for (const auto& [behavior, pieces] : expected) {
    const Json stage = {{"type", "Split"}, {"pattern", {{"String", "-"}}}, {"behavior", behavior}, {"invert", false}};
    EXPECT_EQ(split(*sequence_of(stage), "the-final--countdown"), pieces) << behavior;
  }
}

RC_GTEST_PROP(PreTokenizer, ATextCutWhereItMayBeHasTheSamePieces, ()) {
  const std::string text = *rc::gen::resize(80, valid_text()) + "x\nfoo" + *rc::gen::resize(80, valid_text());
  for (const auto& pre_tokenizer : {gpt2_pre_tokenizer(), llama3_pre_tokenizer()}) {
    const size_t cut = pre_tokenizer->last_cut(text);
    RC_ASSERT(cut > 0u);
    Pieces pieces = split(*pre_tokenizer, text.substr(0, cut));
    for (const std::string& piece : split(*pre_tokenizer, text.substr(cut))) pieces.push_back(piece);
    RC_ASSERT(pieces == split(*pre_tokenizer, text));
  }
}

}  // namespace
}  // namespace slm
