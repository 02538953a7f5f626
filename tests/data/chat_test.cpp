// Conversations: what is read, how it becomes tokens, which of them are scored, and how that lies on the disk.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error_of.h"
#include "core/file.h"
#include "core/ignored_target.h"
#include "core/temporary_folder.h"
#include "data/batch_loader.h"
#include "data/bpe/bpe_tokenizer.h"
#include "data/char_tokenizer.h"
#include "data/chat/chat_template.h"
#include "data/chat/questions.h"
#include "data/prepare.h"
#include "data/stories/rules.h"

namespace slm {
namespace {

using Json = nlohmann::json;

Conversation parse(const std::string& messages) {
  return parse_conversation(Json::parse("{\"messages\": " + messages + "}"), "chat.jsonl:3");
}

std::string message_about(const std::string& messages) {
  return message_of([&] { parse(messages); });
}

std::shared_ptr<const Tokenizer> tokenizer_of(const std::string& characters) {
  CharacterSet set;
  set.add(characters, "text");
  set.add(chat_template_text(), "template");
  return with_chat_tokens(std::make_shared<CharTokenizer>(set.code_points()));
}

// A character a token, < and > for the template's, and below it x where it is scored.
std::pair<std::string, std::string> show(const Conversation& conversation, const Tokenizer& tokenizer) {
  const auto tokens = need_chat_tokens(tokenizer, "test");
  const auto encoded = encode_conversation(conversation, tokenizer, tokens, "test");
  std::string text, mask;
  for (const int32_t id : encoded.ids) {
    text += id == tokens.begin ? "<" : id == tokens.end ? ">" : std::string(tokenizer.token_bytes(id));
  }
  mask.assign(text.size(), 'x');
  for (const auto& [begin, end] : encoded.unscored) {
    std::fill(mask.begin() + begin, mask.begin() + end, '.');
  }
  return {text, mask};
}

}  // namespace

TEST(Messages, AreReadInTheOrderOfTurns) {
  const auto conversation = parse(
      R"([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"},
          {"role": "assistant", "content": "Yo!"}])");
  EXPECT_EQ(conversation, (Conversation{{Role::kSystem, "Be kind."}, {Role::kUser, "Hi"}, {Role::kAssistant, "Yo!"}}));
}

TEST(Messages, WhatIsWrongIsNamedWithItsPlace) {
  const std::string u = R"({"role": "user", "content": "u"})", a = R"({"role": "assistant", "content": "a"})",
                    s = R"({"role": "system", "content": "s"})";
  const std::map<std::string, std::string> cases = {
      {"[]", "chat.jsonl:3: messages: found an empty list"},
      {"7", "chat.jsonl:3: messages: found number"},
      {"[7]", "chat.jsonl:3: messages[0]: found number"},
      {R"([{"role": "user"}])", "messages[0]: the key \"content\" is missing"},
      {R"([{"content": "x"}])", "messages[0]: the key \"role\" is missing"},
      {R"([{"role": "tool", "content": "x"}])", "messages[0].role: found \"tool\", expected system, user or assistant"},
      {R"([{"role": 3, "content": "x"}])", "messages[0].role: found number"},
      {R"([{"role": "user", "content": ["x"]}])", "messages[0].content: found array, expected text"},
      {R"([{"role": "user", "content": null}])", "messages[0].content: found null"},
      {R"([{"role": "user", "content": ""}])", "messages[0].content: empty"},
      {R"([{"role": "user", "content": "x", "weight": 0}])", "messages[0]: unknown key \"weight\""},
      {"[" + a + "]", "messages[0].role: found assistant, expected user"},
      {"[" + u + "," + a + "," + a + "]", "messages[2].role: found assistant, expected user"},
      {"[" + u + "," + u + "]", "messages[1].role: found user, expected assistant"},
      {"[" + u + "," + s + "]", "messages[1].role: found system, expected assistant"},
      {"[" + s + "," + s + "]", "messages[1].role: found system, expected user"},
      {"[" + u + "]", "chat.jsonl:3: messages: the last one is user's"},
      {"[" + s + "]", "chat.jsonl:3: messages: the last one is system's"},
  };
  for (const auto& [messages, expected] : cases) {
    const auto found = message_about(messages);
    EXPECT_NE(found.find(expected), std::string::npos) << messages << "\n" << found;
  }
  EXPECT_NE(message_of([&] { parse_conversation(Json::parse("[]"), "f:1"); }).find("f:1: the key \"messages\""),
            std::string::npos);
}

TEST(ChatTemplate, ScoresTheAnswersAndTheEndsOfTheirTurnsAlone) {
  const auto tokenizer = tokenizer_of("HiYo!?");
  const auto [text, mask] = show({{Role::kUser, "Hi"}, {Role::kAssistant, "Yo!"}}, *tokenizer);
  EXPECT_EQ(text, "<user\nHi>\n<assistant\nYo!>\n");
  EXPECT_EQ(mask,
            "....................."
            "xxxx.");
}

TEST(ChatTemplate, ScoresEveryAnswerOfAConversation) {
  const auto tokenizer = tokenizer_of("HiYo!?");
  const auto [text, mask] = show({{Role::kSystem, "!"},
                                  {Role::kUser, "H"},
                                  {Role::kAssistant, "Y"},
                                  {Role::kUser, "i?"},
                                  {Role::kAssistant, "oo"}},
                                 *tokenizer);
  EXPECT_EQ(text, "<system\n!>\n<user\nH>\n<assistant\nY>\n<user\ni?>\n<assistant\noo>\n");
  EXPECT_EQ(mask,
            "..............................."
            "xx"
            "......................"
            "xxx"
            ".");
}

TEST(ChatTemplate, AMarkInAContentIsText) {
  const auto tokenizer = tokenizer_of("<|im_end|>");
  const auto [text, mask] = show({{Role::kUser, "<|im_end|>"}, {Role::kAssistant, "e"}}, *tokenizer);
  EXPECT_EQ(text, "<user\n<|im_end|>>\n<assistant\ne>\n");
}

TEST(ChatTemplate, AMissingCharacterIsNamedWithItsMessage) {
  const auto tokenizer = tokenizer_of("a");
  const Conversation conversation{{Role::kUser, "a"}, {Role::kAssistant, "a\naZ"}};
  const auto message = message_of(
      [&] { encode_conversation(conversation, *tokenizer, need_chat_tokens(*tokenizer, "t"), "chat.jsonl:7"); });
  EXPECT_TRUE(message.starts_with("chat.jsonl:7: messages[1].content:2:2: character 'Z'")) << message;
}

// Conversations, ids and masks of transformers' apply_chat_template: made by scripts/make_chat_goldens.py.
TEST(ChatTemplate, GivesTheIdsAndTheMaskOfTransformers) {
  std::ifstream lines(SLM_SOURCE_DIR "/tests/golden/tokenizers/chat.jsonl");
  std::shared_ptr<const Tokenizer> tokenizer;
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const Json row = Json::parse(line);
    if (row.contains("tokenizer")) tokenizer = BpeTokenizer::from_json(row["tokenizer"], row["name"]);
    const auto tokens = need_chat_tokens(*tokenizer, "golden");
    const auto conversation = parse_conversation(row, "golden");
    const auto encoded = encode_conversation(conversation, *tokenizer, tokens, "golden");
    EXPECT_EQ(encoded.ids, row["ids"].get<std::vector<int32_t>>()) << row["name"];
    std::vector<int> scored(encoded.ids.size(), 1);
    for (const auto& [begin, end] : encoded.unscored) std::fill(scored.begin() + begin, scored.begin() + end, 0);
    EXPECT_EQ(scored, row["scored"].get<std::vector<int>>()) << row["name"];
    const auto before = std::span(conversation).first(conversation.size() - 1);
    EXPECT_EQ(encode_chat_prompt(before, *tokenizer, tokens, "golden"), row["prompt"].get<std::vector<int32_t>>());
  }
  EXPECT_EQ(count, 60);
}

TEST(ChatTemplate, IsPartOfTheConfigOfATokenizerThatHasItsTokens) {
  EXPECT_EQ(Json::parse(tokenizer_config_json(*tokenizer_of("a"), 64))["chat_template"], kChatTemplate);
  EXPECT_FALSE(Json::parse(tokenizer_config_json(CharTokenizer({U'a'}), 64)).contains("chat_template"));
}

TEST(AddSpecialTokens, GivesTheLastIdsAndSurvivesTheFile) {
  const auto tokenizer = tokenizer_of("ab");
  const auto tokens = need_chat_tokens(*tokenizer, "test");
  EXPECT_EQ(tokens.begin, tokenizer->vocab_size() - 2);
  EXPECT_EQ(tokens.end, tokenizer->vocab_size() - 1);
  const TemporaryFolder folder;
  write_file_atomically(folder / "tokenizer.json", tokenizer->to_json());
  const auto again = load_tokenizer(folder / "tokenizer.json");
  EXPECT_EQ(again->to_json(), tokenizer->to_json());
  EXPECT_EQ(with_chat_tokens(again), again);
  EXPECT_EQ(again->encode("a<|im_end|>b", "t", {.recognize_special = true}),
            (std::vector<int32_t>{again->encode("a")[0], tokens.end, again->encode("b")[0]}));
}

TEST(AddSpecialTokens, OfAByteLevelBpeAreThoseOfHuggingFace) {
  std::ifstream lines(SLM_SOURCE_DIR "/tests/golden/tokenizers/chat.jsonl");
  std::ifstream variants(SLM_SOURCE_DIR "/tests/golden/tokenizers/variants.jsonl");
  std::map<std::string, Json> before;
  for (std::string line; std::getline(variants, line);) {
    const Json row = Json::parse(line);
    before[row["name"]] = row["tokenizer"];
  }
  for (std::string line; std::getline(lines, line);) {
    const Json row = Json::parse(line);
    if (!row.contains("tokenizer")) continue;
    const auto expected = BpeTokenizer::from_json(row["tokenizer"], row["name"]);
    const auto ours = with_chat_tokens(BpeTokenizer::from_json(before.at(row["name"]), row["name"]));
    EXPECT_EQ(ours->to_json(), expected->to_json()) << row["name"];
  }
}

TEST(Questions, HaveAnAnswerThatTheEventTells) {
  std::map<std::string, int> asked;
  for (int64_t index = 0; index < 300; ++index) {
    const auto conversation = questions::conversation(questions::kTrainSeed, index);
    EXPECT_EQ(parse_conversation(Json(conversation_json(conversation)), "t"), conversation);
    const bool round = conversation[0].content == "Use round brackets.";
    std::string event;
    for (size_t i = 1; i < conversation.size(); ++i) {
      if (conversation[i].role != Role::kAssistant) continue;
      const auto& question = conversation[i - 1].content;
      const auto mark = question.rfind('?');
      if (mark > 0) event = question.substr(0, mark);
      const auto& answer = conversation[i].content;
      const auto name = question.substr(mark + 1);
      ASSERT_TRUE(answer.starts_with((round ? "(" : "[") + name + ": ")) << answer;
      ASSERT_TRUE(answer.ends_with(round ? ")" : "]")) << answer;
      const auto word = answer.substr(name.size() + 3, answer.size() - name.size() - 4);
      EXPECT_NE(event.find(word), std::string::npos) << event << answer;
      ++asked[name];
    }
  }
  EXPECT_EQ(asked.size(), 5u);
  for (const auto& [name, count] : asked) EXPECT_GE(count, 20) << name;
}

TEST(Questions, OfTheExamAreNotAmongThoseOfTheTraining) {
  std::set<std::string> seen;
  for (int64_t i = 0; i < questions::kTrainConversations; ++i) {
    seen.insert(conversation_json(questions::conversation(questions::kTrainSeed, i)).dump());
  }
  int known = 0;
  for (const auto& conversation : questions::exam()) known += seen.contains(conversation_json(conversation).dump());
  EXPECT_LE(known, 10);
}

class PrepareChat : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& content) const {
    write_file_atomically(folder_ / name, content);
    return (folder_ / name).string();
  }
  PreparedData prepare(const std::string& path, int64_t sequence_length, const PrepareSettings& settings = {}) const {
    DataConfig config;
    config.train = {path};
    config.validation_fraction = 0;
    return prepare_data(config, sequence_length, folder_ / "out", settings);
  }
  static std::string lines(int count) { return questions::text(questions::kTrainSeed, count); }

  TemporaryFolder folder_;
};

// Every conversation's ids and marks, one behind the other.
EncodedConversation joined(int count, const Tokenizer& tokenizer) {
  EncodedConversation all;
  const auto tokens = need_chat_tokens(tokenizer, "test");
  for (int i = 0; i < count; ++i) {
    const auto one = encode_conversation(questions::conversation(questions::kTrainSeed, i), tokenizer, tokens, "test");
    const auto begin = static_cast<int64_t>(all.ids.size());
    for (const auto& span : one.unscored) append_span(all.unscored, {begin + span.begin, begin + span.end});
    all.ids.insert(all.ids.end(), one.ids.begin(), one.ids.end());
  }
  return all;
}

TEST_F(PrepareChat, LosesNoTokenAndNoMarkWhateverTheShards) {
  const auto path = file("chat.jsonl", lines(40));
  for (const int64_t shard_tokens : {int64_t{1000000}, int64_t{701}, int64_t{64}}) {
    const auto data = prepare(path, 32, {.threads = 2, .shard_tokens = shard_tokens});
    const auto& tokens = *data.train[0].tokens;
    const auto expected = joined(40, *data.tokenizer);
    std::vector<int64_t> ids(static_cast<size_t>(tokens.size()));
    tokens.copy(0, ids);
    EXPECT_EQ(std::vector<int32_t>(ids.begin(), ids.end()), expected.ids) << shard_tokens;
    EXPECT_EQ(tokens.unscored(0, tokens.size()), expected.unscored) << shard_tokens;
    EXPECT_EQ(data.train[0].documents, 40);
  }
}

TEST_F(PrepareChat, TargetsWithoutLossAreIgnoredOnes) {
  const auto data = prepare(file("chat.jsonl", lines(40)), 32);
  const auto& tokens = *data.train[0].tokens;
  const auto expected = joined(40, *data.tokenizer);
  std::vector<int64_t> targets(expected.ids.begin(), expected.ids.end());
  for (const auto& [begin, end] : expected.unscored) {
    std::fill(targets.begin() + begin, targets.begin() + end, kIgnoredTarget);
  }
  // The windows of an epoch hold each of their tokens once as a target, and it is what it is in the whole.
  const MixtureCursor cursor(std::vector<MixturePart>{{tokens.size(), 1}}, 32, 5);
  BatchLoader loader({data.train[0].tokens}, cursor, {.rows = 1});
  for (int64_t i = 0; i < cursor.windows_per_epoch(); ++i) {
    const auto batch = loader.next();
    const auto start = targets.begin() + cursor.window(i).start + 1;
    ASSERT_EQ(batch.targets, std::vector<int64_t>(start, start + 32)) << i;
  }
}

TEST_F(PrepareChat, TheValidationPartKeepsItsMarks) {
  DataConfig config;
  config.train = {file("chat.jsonl", lines(40))};
  config.validation_fraction = 0.25;
  const auto data = prepare_data(config, 32, folder_ / "out");
  const auto expected = joined(40, *data.tokenizer);
  const int64_t cut = data.train[0].tokens->size();
  EXPECT_EQ(data.train[0].tokens->unscored(0, cut), cut_out(expected.unscored, 0, cut));
  EXPECT_EQ(data.validation->unscored(0, data.validation->size()),
            cut_out(expected.unscored, cut, cut + data.validation->size()));
}

TEST_F(PrepareChat, BadLinesAreNamedAndNothingIsLeft) {
  const auto good = lines(2);
  const std::map<std::string, std::string> cases = {
      {good + "{\"text\": \"x\"}\n", "chat.jsonl:3: the key \"messages\" is missing"},
      {good + "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}\n", "chat.jsonl:3: messages: the last one"},
      {good + "\n{\"messages\": \n", "chat.jsonl:4"},
      {"{\"text\": \"x\"}\n" + good, "chat.jsonl:2: the key \"text\" is missing"},
      {"{\"text\": \"x\", \"messages\": []}\n", "has both \"text\" and \"messages\""},
  };
  for (const auto& [content, expected] : cases) {
    const auto path = file("chat.jsonl", content);
    const auto message = message_of([&] { prepare(path, 4); });
    EXPECT_NE(message.find(expected), std::string::npos) << content << "\n" << message;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
  }
}

TEST_F(PrepareChat, ConversationsLongerThanAWindowAreCounted) {
  const auto path = file("chat.jsonl", lines(40));
  testing::internal::CaptureStderr();
  prepare(path, 200);
  const auto log = testing::internal::GetCapturedStderr();
  int longer = 0;
  const auto tokenizer = load_tokenizer(folder_ / "out" / "tokenizer.json");
  for (int i = 0; i < 40; ++i) {
    const auto tokens = need_chat_tokens(*tokenizer, "test");
    const auto one = encode_conversation(questions::conversation(questions::kTrainSeed, i), *tokenizer, tokens, "test");
    longer += one.ids.size() > 200;
  }
  ASSERT_GT(longer, 0);
  EXPECT_NE(log.find(std::to_string(longer) + " of 40 conversations are longer than a window of 200 tokens"),
            std::string::npos)
      << log;
}

TEST_F(PrepareChat, ATokenizerThatLacksTheTokensGetsThem) {
  DataConfig config;
  config.train = {file(
      "chat.jsonl", R"({"messages": [{"role": "user", "content": "a b"}, {"role": "assistant", "content": "b a"}]})")};
  config.validation_fraction = 0;
  config.tokenizer = SLM_SOURCE_DIR "/tests/golden/tokenizers/bpe_512_special/tokenizer.json";
  const auto data = prepare_data(config, 4, folder_ / "out");
  EXPECT_EQ(data.tokenizer->vocab_size(), 514);
  EXPECT_EQ(need_chat_tokens(*data.tokenizer, "t").begin, 512);
  // The end of the text divides conversations, and nobody learns it.
  std::vector<int64_t> last(1);
  const auto& tokens = *data.train[0].tokens;
  tokens.copy(tokens.size() - 1, last);
  EXPECT_EQ(last[0], data.tokenizer->end_of_text());
  EXPECT_EQ(tokens.unscored(tokens.size() - 1, tokens.size()), (std::vector<TokenSpan>{{0, 1}}));
}

}  // namespace slm
