#include "data/stories/stories.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "data/stories/parser.h"
#include "data/stories/probes.h"
#include "data/stories/rules.h"

namespace slm::stories {
namespace {

struct Outcome {
  std::string text;
  double log2_probability;
};

// Every derivation from a rule, by counting through all sequences of choices like an odometer.
std::vector<Outcome> enumerate(const Grammar& grammar, int start, const Memory& memory) {
  std::vector<Outcome> outcomes;
  std::vector<size_t> choices, widths;
  for (;;) {
    size_t depth = 0;
    const Chooser choose = [&](std::span<const double> weights) {
      if (depth == choices.size()) choices.push_back(0);
      while (weights[choices[depth]] == 0) ++choices[depth];
      widths.resize(depth + 1);
      widths[depth] = weights.size();
      while (weights[widths[depth] - 1] == 0) --widths[depth];
      return choices[depth++];
    };
    const Generated generated = generate(grammar, choose, start, memory);
    outcomes.push_back({generated.text, generated.log2_probability});
    while (!choices.empty() && choices.back() + 1 == widths[choices.size() - 1]) choices.pop_back();
    if (choices.empty()) return outcomes;
    ++choices.back();
  }
}

Derivations parse_story(const std::string& text) {
  return parse(grammar(), text, grammar().rule_index("story"), grammar().empty_memory());
}

double probability_of_beginning(const std::string& text) {
  const auto found = parse_prefix(grammar(), text, grammar().rule_index("story"), grammar().empty_memory());
  return std::exp2(found.log2_probability);
}

const std::map<std::string, int> kValues = {{"one", 1},  {"two", 2}, {"three", 3}, {"four", 4},
                                            {"five", 5}, {"six", 6}, {"seven", 7}};

// Runs of letters.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char c : text) {
    const bool letter = std::isalpha(static_cast<unsigned char>(c)) != 0;
    if (letter && !inside) words.emplace_back();
    if (letter) words.back() += c;
    inside = letter;
  }
  return words;
}

// What stories remember of hero and friend, for rules that need them.
Memory with_characters() {
  Memory memory = grammar().empty_memory();
  const auto set = [&](const char* variable, const char* rule, int alternative) {
    memory[static_cast<size_t>(grammar().variable_index(variable))] = {grammar().rule_index(rule), alternative};
  };
  set("hero", "name", 0);
  set("friend", "name", 9);
  set("hero_kind", "animal", 0);
  set("friend_kind", "animal", 3);
  return memory;
}

}  // namespace

TEST(Stories, TheParserFindsOneDerivationWithTheGeneratorsProbability) {
  for (int64_t index = 0; index < 10'000; ++index) {
    const Generated one = story(77, index);
    const Derivations found = parse_story(one.text);
    ASSERT_EQ(found.count, 1) << one.text;
    // About 40 logarithms are added, each within half a unit of its last place.
    ASSERT_LE(std::abs(found.log2_probability - one.log2_probability), 1e-12) << one.text;
  }
}

// Rules that are small enough to walk through: every text once, probabilities that add up to 1, and the parser agrees.
TEST(Stories, ProbabilitiesOfEachBlockAddUpToOneAndNoTextComesTwice) {
  for (const char* rule : {"opening", "scene", "meeting", "greeting", "event", "talk", "evening", "farewell"}) {
    const int start = grammar().rule_index(rule);
    std::set<std::string> texts;
    double total = 0;
    const std::vector<Outcome> outcomes = enumerate(grammar(), start, with_characters());
    for (size_t i = 0; i < outcomes.size(); ++i) {
      ASSERT_TRUE(texts.insert(outcomes[i].text).second) << outcomes[i].text;
      total += std::exp2(outcomes[i].log2_probability);
      if (i % 101 == 0) {
        const Derivations found = parse(grammar(), outcomes[i].text, start, with_characters());
        ASSERT_EQ(found.count, 1) << outcomes[i].text;
        ASSERT_LE(std::abs(found.log2_probability - outcomes[i].log2_probability), 1e-12);
      }
    }
    EXPECT_LE(std::abs(total - 1), 1e-9) << rule << ": " << outcomes.size() << " texts";
  }
}

// No block's text begins another text of the same block, so blocks one behind the other stay unambiguous.
TEST(Stories, NoTextOfABlockBeginsAnother) {
  for (const char* rule : {"opening", "scene", "meeting", "greeting", "event", "talk", "evening", "farewell"}) {
    std::set<std::string> texts;
    for (const Outcome& outcome : enumerate(grammar(), grammar().rule_index(rule), with_characters())) {
      texts.insert(outcome.text + " ");
    }
    const std::string* last = nullptr;  // in sorted order, a text that begins others stands right before one of them
    for (const std::string& text : texts) {
      ASSERT_FALSE(last != nullptr && text.starts_with(*last)) << *last << " | " << text;
      last = &text;
    }
  }
}

TEST(Stories, TheNextCharactersProbabilitiesAddUpToOne) {
  const std::string text = story(5, 3).text;
  std::set<char> characters(text.begin(), text.end());
  for (char c = ' '; c <= '~'; ++c) characters.insert(c);
  for (size_t end = 0; end < text.size(); end += 7) {
    const std::string beginning = text.substr(0, end);
    double total = 0;
    for (const char c : characters) total += probability_of_beginning(beginning + c);
    const double expected = probability_of_beginning(beginning);
    ASSERT_LE(std::abs(total / expected - 1), 1e-9) << beginning;
  }
}

// A grammar that a person can do in the head: two names, the second one different, a form of the first.
TEST(Grammar, SmallGrammarHasTheProbabilitiesOfAPencilCalculation) {
  const Grammar small({{"start", {{1, "[a:name] and [b:name!a]: {^a.he}"}}},
                       {"name", {{2, "Al", {{"he", "he"}}}, {1, "Bo", {{"he", "she"}}}, {1, "Cy", {{"he", "it"}}}}}});
  std::map<std::string, double> found;
  for (const Outcome& outcome : enumerate(small, 0, small.empty_memory())) {
    found[outcome.text] = std::exp2(outcome.log2_probability);
  }
  const std::map<std::string, double> expected = {{"Al and Bo: He", 1. / 4},  {"Al and Cy: He", 1. / 4},
                                                  {"Bo and Al: She", 1. / 6}, {"Bo and Cy: She", 1. / 12},
                                                  {"Cy and Al: It", 1. / 6},  {"Cy and Bo: It", 1. / 12}};
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [text, probability] : expected) EXPECT_NEAR(found[text], probability, 1e-15) << text;
}

TEST(Grammar, AChoiceCanExcludeSeveralOthers) {
  const Grammar small({{"start", {{1, "[a:x][b:x!a][x!a!b]"}}}, {"x", {{1, "1"}, {1, "2"}, {1, "3"}}}});
  std::set<std::string> found;
  for (const Outcome& outcome : enumerate(small, 0, small.empty_memory())) found.insert(outcome.text);
  EXPECT_EQ(found, (std::set<std::string>{"123", "132", "213", "231", "312", "321"}));
}

TEST(Grammar, TheParserCountsEveryDerivationOfAnAmbiguousText) {
  const Grammar ambiguous({{"start", {{1, "[x][x]"}}}, {"x", {{1, "a"}, {1, "aa"}, {2, ""}}}});
  const Derivations found = parse(ambiguous, "aa", 0, ambiguous.empty_memory());
  EXPECT_EQ(found.count, 3);  // a+a, aa+nothing, nothing+aa
  EXPECT_NEAR(std::exp2(found.log2_probability), 1. / 16 + 1. / 8 + 1. / 8, 1e-15);
  EXPECT_EQ(parse(ambiguous, "b", 0, ambiguous.empty_memory()).count, 0);
}

TEST(Stories, ATextThatTheGrammarDoesNotAllowHasNoDerivation) {
  const std::string good = story(5, 3).text;
  EXPECT_EQ(parse_story(good).count, 1);
  EXPECT_EQ(parse_story(good + "x").count, 0);
  EXPECT_EQ(parse_story(good.substr(0, good.size() - 1)).count, 0);
  EXPECT_EQ(parse_story("").count, 0);
}

// Arithmetic done here, not by the rule table.
TEST(Stories, NumbersChangeByOneAndNounsAgreeWithThem) {
  int found = 0;
  for (int64_t index = 0; index < 1000; ++index) {
    const std::string text = story(78, index).text;
    const std::vector<std::string> words = words_of(text);
    const auto now = std::find(words.begin(), words.end(), "Now");
    if (now == words.end()) continue;
    ++found;
    const auto before = std::find(words.begin(), words.end(), "had");  // "had two red apples", then "Now Pip had ..."
    const int change = std::find(before, now, "more") != now ? 1 : -1;
    EXPECT_EQ(kValues.at(now[3]), kValues.at(before[1]) + change) << text;
    EXPECT_EQ(now[5].ends_with('s'), kValues.at(now[3]) > 1) << text;
    EXPECT_EQ(before[3].ends_with('s'), kValues.at(before[1]) > 1) << text;
  }
  EXPECT_GT(found, 300);
}

TEST(Stories, QuotesAreClosedAndRepeatedNoisesAreCountedRight) {
  for (int64_t index = 0; index < 1000; ++index) {
    const std::string text = story(79, index).text;
    EXPECT_EQ(std::count(text.begin(), text.end(), '"') % 2, 0) << text;
    const std::vector<std::string> words = words_of(text);
    const auto after = std::find(words.begin(), words.end(), "After");  // "Tap, tap! After two taps at the door"
    if (after == words.end()) continue;
    const std::string noise = after[2].substr(0, after[2].size() - 1);
    EXPECT_EQ(std::count(words.begin(), after, noise) + 1, kValues.at(after[1])) << text;  // the first is "Tap"
  }
}

TEST(Stories, AreAPureFunctionOfSeedAndIndex) {
  const std::string all = text(9, 50);
  std::string one_by_one;
  for (int64_t index = 0; index < 50; ++index) one_by_one += story(9, index).text;
  EXPECT_EQ(all, one_by_one);
  EXPECT_EQ(story(9, 40).text, story(9, 40).text);
  EXPECT_NE(story(9, 40).text, story(10, 40).text);
}

TEST(Stories, TrainingAndValidationShareNoStory) {
  std::set<std::string> train;
  for (int64_t index = 0; index < kTrainStories; ++index) train.insert(story(kTrainSeed, index).text);
  EXPECT_EQ(static_cast<int64_t>(train.size()), kTrainStories);
  for (int64_t index = 0; index < kValidationStories; ++index) {
    EXPECT_FALSE(train.contains(story(kValidationSeed, index).text));
  }
}

TEST(Stories, UseSomeThreeHundredWordsAndAboutAFifthOfABitAByte) {
  const std::string all = text(kTrainSeed, kTrainStories);
  EXPECT_GT(all.size(), 1'500'000u);
  EXPECT_LT(all.size(), 2'500'000u);
  std::set<std::string> words;
  for (std::string word : words_of(all)) {
    word[0] = static_cast<char>(std::tolower(word[0]));
    words.insert(word);
  }
  EXPECT_GT(words.size(), 280u);
  EXPECT_LT(words.size(), 360u);
  const double floor = floor_bits_per_byte(kValidationSeed, kValidationStories);
  EXPECT_GT(floor, 0.15);
  EXPECT_LT(floor, 0.25);
}

TEST(Probes, AreFiftyOfEachAbilityThatFitIntoAWindow) {
  std::map<std::string, int> counts;
  std::set<std::string> contexts;
  for (const Probe& probe : make_probes()) {
    ++counts[probe.ability];
    EXPECT_TRUE(contexts.insert(probe.ability + probe.context).second);
    EXPECT_LE(probe.context.size(), kProbeContextBytes);
    EXPECT_LE(probe.context.size() + probe.correct.size(), 128u);
    EXPECT_TRUE(probe.story.ends_with(probe.context));
    EXPECT_FALSE(probe.wrong.empty());
    for (const std::string& wrong : probe.wrong) {
      EXPECT_EQ(wrong.size(), probe.correct.size());
      EXPECT_NE(wrong, probe.correct);
    }
  }
  const std::map<std::string, int> expected = {{"recall", 50}, {"agreement", 50}, {"counting", 50}, {"closing", 50}};
  EXPECT_EQ(counts, expected);
}

TEST(Probes, TheGrammarAllowsTheRightAnswerAndNoWrongOne) {
  for (const Probe& probe : make_probes()) {
    EXPECT_GT(probability_of_beginning(probe.story + probe.correct), 0) << probe.context;
    for (const std::string& wrong : probe.wrong) {
      EXPECT_EQ(probability_of_beginning(probe.story + wrong), 0) << probe.context << '|' << wrong;
    }
  }
}

TEST(Probes, TheContextHoldsWhatTheAnswerDependsOn) {
  const auto mentions = [](const Probe& probe, std::string word) {
    const std::vector<std::string> words = words_of(probe.context);
    const bool found = std::find(words.begin(), words.end(), word) != words.end();
    word[0] = static_cast<char>(std::toupper(word[0]));
    return found || std::find(words.begin(), words.end(), word) != words.end();
  };
  for (const Probe& probe : make_probes()) {
    if (probe.ability == "recall") {
      EXPECT_TRUE(mentions(probe, probe.correct)) << probe.context;
    } else if (probe.ability == "counting") {
      const std::vector<std::string>& all = number_words();
      const bool counts = std::any_of(all.begin(), all.end(), [&](const auto& word) { return mentions(probe, word); });
      EXPECT_TRUE(counts) << probe.context;
    } else if (probe.ability == "closing") {
      const bool open = std::count(probe.context.begin(), probe.context.end(), '"') % 2 == 1;
      EXPECT_EQ(probe.correct == "\"", open) << probe.context;
    }
  }
}

}  // namespace slm::stories
