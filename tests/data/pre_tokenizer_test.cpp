#include "data/bpe/pre_tokenizer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "core/error_of.h"
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

/// Characters that the patterns tell apart, runs of them, and any others; as valid UTF-8.
rc::Gen<std::string> valid_text() {
  const auto character = rc::gen::oneOf(
      rc::gen::element<char32_t>(' ', ' ', '\n', '\r', '\t', 'a', 's', 'T', 'l', 'L', 'r', 'e', 'E', 'v', 'm', 'd',
                                 '\'', '\'', '0', '7', '!', '?', '-', '\0', 0x17F, 0x85, 0xA0, 0xE9, 0x3B1, 0x4E2D,
                                 0x661, 0xBD, 0x301, 0x200B, 0x2028, 0x3000, 0x1F600, 0x1D7CE, 0x10FFFF, 0x2B73A),
      rc::gen::map(rc::gen::inRange<uint32_t>(0, 0x110000 - 0x800),
                   [](uint32_t i) { return static_cast<char32_t>(i < 0xD800 ? i : i + 0x800); }));
  return rc::gen::map(rc::gen::container<std::vector<char32_t>>(character),
                      [](const std::vector<char32_t>& characters) {
                        std::string text;
                        for (const char32_t c : characters) append_utf8(text, c);
                        return text;
                      });
}

RC_GTEST_PROP(PreTokenizer, PiecesJoinedAreTheTextWhateverTheBytes, (const std::string& bytes)) {
  RC_ASSERT(join(split(*gpt2_pre_tokenizer(), bytes)) == bytes);
  RC_ASSERT(join(split(*llama3_pre_tokenizer(), bytes)) == bytes);
}

RC_GTEST_PROP(WordMatcher, CutsAsPcre2DoesWithTheSamePattern, ()) {
  const std::string text = *rc::gen::resize(60, valid_text());
  for (const std::string_view pattern : {kGpt2Pattern, kLlama3Pattern, kQwen2Pattern}) {
    static std::map<std::string_view, PatternStage> oracles;
    const auto [oracle, is_new] =
        oracles.try_emplace(pattern, Pattern(pattern, "oracle"), SplitBehavior::kIsolated, false);
    std::vector<std::string_view> expected, found;
    if (!text.empty()) oracle->second.split(text, expected);
    (*word_matcher(pattern))(text, found);
    RC_ASSERT(found == expected);
  }
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
