#include "data/bpe/train_bpe.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error_of.h"
#include "core/file.h"
#include "core/json.h"
#include "data/bpe/byte_alphabet.h"

namespace slm {
namespace {

using Json = nlohmann::json;
using Merges = std::vector<std::pair<std::string, std::string>>;

std::string golden(const std::string& name) {
  return read_file(std::string(SLM_SOURCE_DIR) + "/tests/golden/tokenizers/" + name);
}

/// As tokenizer.json spells them.
Merges merges_of(const BpeVocabulary& vocabulary) {
  const auto spell = [&](int32_t id) { return to_byte_characters(vocabulary.tokens[static_cast<size_t>(id)]); };
  Merges merges;
  for (const auto& [left, right] : vocabulary.merges) merges.emplace_back(spell(left), spell(right));
  return merges;
}

BpeVocabulary train(const std::vector<std::string>& documents, int64_t vocab_size,
                    const std::vector<std::string>& special = {}, bool llama3 = false) {
  const auto pre_tokenizer = llama3 ? llama3_pre_tokenizer() : gpt2_pre_tokenizer();
  WordCounts words;
  for (const std::string& document : documents) words.add_document(document, *pre_tokenizer);
  return train_bpe(words, vocab_size, special);
}

// Small texts, full of ties.
TEST(TrainBpe, MergesSmallTextsAsHuggingFaceDoes) {
  std::istringstream lines(golden("trainer.jsonl"));
  size_t cases = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json expected = parse_json(line, "trainer.jsonl");
    const auto vocabulary = train({expected["text"].get<std::string>()}, expected["vocab_size"].get<int64_t>());
    EXPECT_EQ(merges_of(vocabulary), expected["merges"].get<Merges>()) << expected["name"];
    EXPECT_EQ(vocabulary.tokens.size(), expected["actual_vocab_size"].get<size_t>()) << expected["name"];
    ++cases;
  }
  EXPECT_EQ(cases, 6u);
}

TEST(TrainBpe, MergesScriptsOverlapsAndSpecialTokensAsHuggingFaceDoes) {
  const Json cases = parse_json(golden("trained.json"), "trained.json")["cases"];
  ASSERT_EQ(cases.size(), 5u);
  for (const Json& expected : cases) {
    const auto vocabulary =
        train(expected["documents"].get<std::vector<std::string>>(), expected["vocab_size"].get<int64_t>(),
              expected["special"].get<std::vector<std::string>>(), expected["llama3"].get<bool>());
    EXPECT_EQ(merges_of(vocabulary), expected["merges"].get<Merges>()) << expected["vocab_size"];
    EXPECT_EQ(vocabulary.tokens.size(), expected["actual_vocab_size"].get<size_t>());
  }
}

TEST(TrainBpe, GivesTheFirstIdsToSpecialTokensAndThenToTheBytes) {
  const auto vocabulary = train({"ab ab"}, 260, {"<|endoftext|>", "<|pad|>"});
  EXPECT_EQ(vocabulary.tokens[0], "<|endoftext|>");
  EXPECT_EQ(vocabulary.tokens[1], "<|pad|>");
  EXPECT_EQ(vocabulary.tokens[2], "!");
  EXPECT_EQ(vocabulary.tokens[258], "ab");
  EXPECT_EQ(vocabulary.special, (std::vector<std::string>{"<|endoftext|>", "<|pad|>"}));
}

TEST(TrainBpe, RefusesAVocabularyThatCannotHoldTheBytes) {
  const auto error = error_of([] { train({"ab"}, 256, {"<|endoftext|>"}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::kUsage);
  EXPECT_STREQ(error->what(), "data.vocab_size: found 256; expected at least 257: 256 bytes and 1 special tokens");
}

/// Lines of words of every length, some MB: several blocks.
std::string long_text() {
  std::string text;
  uint64_t state = 1;
  while (text.size() < (3u << 20)) {
    state = state * 6364136223846793005 + 1442695040888963407;
    const size_t length = 1 + (state >> 33) % 5;
    for (size_t i = 0; i < length; ++i) text += static_cast<char>('a' + (state >> (35 + 2 * i)) % 5);
    text += (state >> 60) == 0 ? '\n' : ' ';
  }
  return text;
}

std::map<std::string, int64_t> as_map(const WordCounts& words) {
  std::map<std::string, int64_t> counts;
  for (size_t i = 0; i < words.size(); ++i) counts.emplace(words.word(i), words.count(i));
  return counts;
}

TEST(TrainBpe, DoesNotDependOnTheNumberOfThreads) {
  const std::string text = long_text();
  const auto pre_tokenizer = gpt2_pre_tokenizer();
  std::vector<std::string_view> pieces;
  pre_tokenizer->split(text, pieces);
  WordCounts plain;
  for (const std::string_view piece : pieces) plain.add(piece);
  const auto expected = train_bpe(plain, 400);
  for (const int threads : {1, 2, 3}) {
    const WordCounts words = count_words(text, *pre_tokenizer, threads);
    EXPECT_EQ(as_map(words), as_map(plain)) << threads;
    const auto vocabulary = train_bpe(words, 400);
    EXPECT_EQ(vocabulary.tokens, expected.tokens) << threads;
    EXPECT_EQ(vocabulary.merges, expected.merges) << threads;
  }
}

RC_GTEST_PROP(WordCounts, CountsWhatAMapWouldCount, (const std::vector<std::string>& words)) {
  WordCounts counts;
  std::map<std::string, int64_t> expected;
  for (int round = 0; round < 2; ++round) {
    for (const std::string& word : words) {
      counts.add(word);
      ++expected[word];
    }
  }
  RC_ASSERT(as_map(counts) == expected);
}

}  // namespace
}  // namespace slm
