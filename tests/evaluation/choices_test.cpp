#include "evaluation/choices.h"

#include <gtest/gtest.h>

#include <cmath>

#include "checkpoint/model_folder.h"
#include "core/error_of.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "data/char_tokenizer.h"

namespace slm {
namespace {

// Without weights: every character has the probability 1 / 8.
LoadedModel uniform_model() {
  auto loaded = build_model({.vocab_size = 8,
                             .max_sequence_length = 6,
                             .n_layers = 1,
                             .n_heads = 1,
                             .n_kv_heads = 1,
                             .head_dim = 4,
                             .d_model = 4,
                             .d_ff = 8},
                            {});
  loaded.arena->parameters().zero_();
  return loaded;
}

const CharTokenizer& tokenizer() {
  static const CharTokenizer kTokenizer({' ', 'a', 'b', 'c', 'd', 'e', 'f', U'\u00e9'});
  return kTokenizer;
}

std::vector<ItemScore> scores_of(const std::vector<ChoiceItem>& items) {
  const auto loaded = uniform_model();
  return score_choices(*loaded.model, tokenizer(), items, 3);
}

ChoiceItem item(const std::string& context, const std::vector<std::string>& choices) {
  return {.context = context, .choices = choices, .answer = std::nullopt, .origin = "a.jsonl:1"};
}

TEST(Choices, AreJudgedBySumAndBySumForEachByte) {
  const auto scores = scores_of({item("ab", {"cd", "e", "fff"}), item("a", {"\u00e9\u00e9", "abc"})});
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_EQ(scores[0].choices[2].log_probabilities.size(), 3u);
  EXPECT_NEAR(scores[0].choices[2].sum, 3 * std::log(1.0 / 8), 1e-5);
  EXPECT_EQ(scores[0].prediction, 1u);       // the shortest
  EXPECT_EQ(scores[0].prediction_norm, 0u);  // all alike: the first
  EXPECT_EQ(scores[1].choices[0].bytes, 4);  // two characters of two bytes
  EXPECT_EQ(scores[1].prediction, 0u);
  EXPECT_EQ(scores[1].prediction_norm, 0u);  // 2 tokens over 4 bytes beat 3 over 3
}

TEST(Choices, WhiteSpaceAtTheContextsEndIsScoredWithTheChoice) {
  const auto scores = scores_of({item("ab  ", {"c"})});
  EXPECT_EQ(scores[0].choices[0].ids, tokenizer().encode("  c"));
  EXPECT_EQ(scores[0].choices[0].bytes, 1);
}

TEST(Choices, ALongContextIsCutAndALongChoiceRefused) {
  EXPECT_NEAR(scores_of({item("abcdefabcdef", {"abcdef"})})[0].choices[0].sum, 6 * std::log(1.0 / 8), 1e-5);
  EXPECT_EQ(message_of([] {
              scores_of({item("a", {"b", "abcdefa"})});
            }),
            "a.jsonl:1: the choice 'abcdefa' has 7 tokens; expected 1 to 6, which the model sees");
  EXPECT_EQ(message_of([] { scores_of({item("a", {""})}); }),
            "a.jsonl:1: the choice '' has 0 tokens; expected 1 to 6, which the model sees");
  EXPECT_EQ(message_of([] { scores_of({item("  ", {"a"})}); }),
            "a.jsonl:1: the context is empty; expected a text that the choices follow");
}

TEST(Choices, BadLinesAreNamedWithWhatIsExpected) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& line) {
    write_file_atomically(folder / "a.jsonl", "{\"context\": \"a\", \"choices\": [\"b\"], \"id\": 7}\n" + line + "\n");
    const auto found = message_of([&] { read_choice_items(folder / "a.jsonl"); });
    const auto at = found.find("a.jsonl");
    return at == std::string::npos ? found : found.substr(at);
  };
  const std::string expected =
      R"(expected {"context": text, "choices": [text, ...], "answer": index}, answer being optional)";
  EXPECT_EQ(message(R"({"context": "a", "choices": ["b", "c"], "answer": 1})"), "no error");
  const auto wrong_type = "a.jsonl:2: context or choices are missing or of a wrong type; " + expected;
  EXPECT_EQ(message(R"({"choices": ["b"]})"), wrong_type);
  EXPECT_EQ(message(R"({"context": "a", "choices": "b"})"), wrong_type);
  EXPECT_EQ(message(R"({"context": "a", "choices": ["b", 3]})"), wrong_type);
  EXPECT_EQ(message(R"({"context": "a", "choices": []})"), "a.jsonl:2: choices are empty; " + expected);
  for (const char* answer : {"2", "-1", "1.5", "\"b\"", "true"}) {
    EXPECT_EQ(message(fmt::format(R"({{"context": "a", "choices": ["b", "c"], "answer": {}}})", answer)),
              fmt::format("a.jsonl:2: answer: found {}, expected the index of a choice, 0 to 1", answer));
  }
}

}  // namespace
}  // namespace slm
