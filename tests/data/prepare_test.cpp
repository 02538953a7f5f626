// What a text becomes, when it is prepared again, and what is refused.
#include <nlohmann/json.hpp>

#include "core/sha256.h"
#include "data/prepare_fixture.h"
#include "data/stories/stories.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEuros = "caf\xC3\xA9 10 \xE2\x82\xAC, 20 \xE2\x82\xAC!";  // 16 characters, 21 bytes

TEST_F(Prepare, KeepsTheEndOfTheTextForValidationToTheLastCharacter) {
  const PreparedData data = prepare(train_on({file("a.txt", kEuros)}));
  EXPECT_EQ(data.train[0].tokens->size(), 8);
  EXPECT_EQ(data.validation->size(), 8);
  EXPECT_EQ(text_of(data, *data.train[0].tokens) + text_of(data, *data.validation), kEuros);
  EXPECT_EQ(data.train[0].bytes, 9);
  EXPECT_EQ(data.validation_bytes, 12);
  EXPECT_FALSE(data.floor_bits_per_byte);
}

// The split of the reference study: nine tenths of 1,115,394 characters are 1,003,854.
TEST_F(Prepare, SplitsTinyshakespeareLikeEverybodyElse) {
  auto config = train_on({file("a.txt", std::string(1'115'394, 'x'))});
  config.validation_fraction = 0.1;
  const PreparedData data = prepare(config);
  EXPECT_EQ(data.train[0].tokens->size(), 1'003'854);
  EXPECT_EQ(data.validation->size(), 111'540);
}

TEST_F(Prepare, KeepsNothingForValidationWhereTheFractionIsZero) {
  auto config = train_on({file("a.txt", kEuros)});
  config.validation_fraction = 0;
  const PreparedData data = prepare(config);
  EXPECT_EQ(data.train[0].tokens->size(), 16);
  EXPECT_EQ(data.validation, nullptr);
  config.train = {"builtin:stories"};
  EXPECT_EQ(prepare(config).validation, nullptr);
}

TEST_F(Prepare, JoinsTheFilesOfAGlobInTheOrderOfTheirNames) {
  file("texts/b.txt", "second ");
  file("texts/a.txt", "first ");
  file("texts/c.md", "no");
  auto config = train_on({path("texts/*.txt").string()});
  config.validation = {file("v.txt", "validation \xC3\xA9")};
  const PreparedData data = prepare(config);
  EXPECT_EQ(text_of(data, *data.train[0].tokens), "first second ");
  EXPECT_EQ(text_of(data, *data.validation), "validation \xC3\xA9");
  EXPECT_EQ(data.validation_bytes, 13);
}

TEST_F(Prepare, BytesOfTokensAreThoseOfTheText) {
  const PreparedData data = prepare(train_on({file("a.txt", std::string(kEuros) + kEuros)}));
  std::vector<int64_t> ids(static_cast<size_t>(data.train[0].tokens->size()));
  data.train[0].tokens->copy(0, ids);
  EXPECT_EQ(count_bytes(data.token_bytes, ids), static_cast<int64_t>(text_of(data, *data.train[0].tokens).size()));
}

TEST_F(Prepare, UsesAGivenTokenizerAndTokenFiles) {
  const PreparedData first = prepare(train_on({file("a.txt", "hello world, hello world")}));
  fs::copy_file(out() / "tokenizer.json", path("mine.json"));
  fs::copy_file(out() / "tokens/train-00000.bin", path("mine.bin"));
  auto config = train_on({path("mine.bin").string(), file("b.txt", "world")});
  config.validation = {file("v.txt", "hello")};
  config.tokenizer = path("mine.json").string();
  const PreparedData data = prepare_data(config, 4, path("other"));
  EXPECT_EQ(text_of(data, *data.train[0].tokens), text_of(first, *first.train[0].tokens) + "world");
  EXPECT_EQ(data.tokenizer->hash(), first.tokenizer->hash());
  config.train = {file("c.txt", "hello there.")};
  EXPECT_TRUE(contains(message(config), "c.txt:1:7: character 't' (U+0074) at byte 6")) << message(config);
}

TEST_F(Prepare, IsReusedAsLongAsNothingChanges) {
  auto config = train_on({file("a.txt", "hello world, hello world")});
  EXPECT_TRUE(contains(log_of(config), "nothing prepared there yet"));
  const std::string hash = prepare(config).hash;
  const auto written = fs::last_write_time(out() / "tokens/train-00000.bin");
  EXPECT_TRUE(contains(log_of(config), "is up to date"));
  EXPECT_EQ(fs::last_write_time(out() / "tokens/train-00000.bin"), written);
  EXPECT_EQ(prepare(config).hash, hash);
}

TEST_F(Prepare, ATextThatIsOnlyTouchedIsStillTheSame) {
  const auto config = train_on({file("a.txt", "hello world, hello world")});
  prepare(config);
  fs::last_write_time(path("a.txt"), fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_TRUE(contains(log_of(config), "is up to date"));
}

TEST_F(Prepare, IsDoneAgainWhereTextConfigOrFilesChange) {
  auto config = train_on({file("a.txt", "hello world, hello world")});
  const std::string hash = prepare(config).hash;
  file("a.txt", "hello world, hello worlD");  // as long as before
  EXPECT_TRUE(contains(log_of(config), "a.txt changed"));
  EXPECT_NE(prepare(config).hash, hash);
  config.validation_fraction = 0.4;
  EXPECT_TRUE(contains(log_of(config), "the data config changed"));
  fs::remove(out() / "tokens/validation-00000.bin");
  EXPECT_TRUE(contains(log_of(config), "validation-00000.bin is missing"));
  config.train = {path("*.txt").string()};
  prepare(config);
  file("b.txt", "more");
  EXPECT_TRUE(contains(log_of(config), "the list of files changed"));
}

TEST_F(Prepare, RecordsWhatTheTokensWereMadeFrom) {
  auto config = train_on({file("a.txt", kEuros)});
  config.validation = {file("v.txt", kEuros)};
  const PreparedData data = prepare(config);
  const auto record = nlohmann::json::parse(read_file(out() / "data.json"));
  EXPECT_EQ(record["config"]["train"], nlohmann::json({path("a.txt").string()}));
  EXPECT_EQ(record["config"]["tokenizer"], "char");
  EXPECT_EQ(record["sources"][0]["path"], path("a.txt").string());
  EXPECT_EQ(record["sources"][0]["bytes"], 21);
  EXPECT_EQ(record["sources"][0]["sha256"], sha256_hex(kEuros));
  EXPECT_EQ(record["sources"][1]["role"], "validation");
  EXPECT_EQ(record["tokenizer"]["sha256"], sha256_hex(read_file(out() / "tokenizer.json")));
  EXPECT_EQ(record["train"][0]["tokens"], 16);
  EXPECT_EQ(record["validation"]["bytes"], 21);
}

TEST_F(Prepare, ErrorsNameTheFile) {
  EXPECT_TRUE(contains(message(train_on({path("none.txt").string()})), "none.txt: there is no such file"));
  EXPECT_TRUE(contains(message(train_on({path("*.txt").string()})), "data.train: no file matches"));
  EXPECT_TRUE(contains(message(train_on({file("a.md", "x")})), "a.md: unknown kind of file"));
  EXPECT_TRUE(contains(message(train_on({file("empty.txt", "")})), "empty.txt: empty file"));
  EXPECT_TRUE(contains(message(train_on({file("bad.txt", "ab\n\xFFxxxxxxxx")})), "bad.txt:2:1: byte 3 (0xFF)"));
  EXPECT_TRUE(contains(message(train_on({"builtin:poems"})), "builtin:poems: unknown built-in corpus"));
  EXPECT_TRUE(contains(message(train_on({})), "data.train: not given"));
  const std::string good = file("good.txt", "hello world");
  EXPECT_TRUE(contains(message(train_on({good, good})), "good.txt is named twice"));
  auto config = train_on({good});
  config.tokenizer = path("none.json").string();
  EXPECT_TRUE(contains(message(config), "data.tokenizer: ")) << message(config);
  config.tokenizer = "char";
  config.train = {file("a.bin", std::string(1024, '\0'))};
  EXPECT_TRUE(contains(message(config), "a.bin: a token file says nothing about its characters"));
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(Prepare, ATextShorterThanAWindowIsAnErrorWithTheCounts) {
  auto config = train_on({file("a.txt", "0123456789")});
  config.validation_fraction = 0.1;
  EXPECT_TRUE(contains(message(config, 9), "the training text has 9 tokens; one window takes 10"));
  EXPECT_TRUE(contains(message(config, 4), "the validation text has 1 tokens; one window takes 5"));
  config.validation_fraction = 0.5;
  prepare(config, 4);
  EXPECT_TRUE(contains(message(config, 5), "one window takes 6"));  // of what is prepared already, too
}

TEST_F(Prepare, ADamagedFolderIsAnErrorThatSaysWhatToDo) {
  const auto config = train_on({file("a.txt", std::string(100, 'x'))});
  prepare(config);
  const std::string record = read_file(out() / "data.json");
  const std::string tokens = read_file(out() / "tokens/train-00000.bin");
  write_file_atomically(out() / "tokens/train-00000.bin", tokens.substr(0, tokens.size() - 2));
  EXPECT_TRUE(contains(message(config), "train-00000.bin: the header promises"));
  write_file_atomically(out() / "data.json", "{\"format_version\": 2}");
  EXPECT_TRUE(contains(message(config), "delete the file to prepare the data again"));
}

TEST_F(Prepare, TheBuiltInStoriesNeedNoFile) {
  const PreparedData data = prepare(train_on({"builtin:stories"}), 128);
  EXPECT_EQ(text_of(data, *data.train[0].tokens), stories::text(stories::kTrainSeed, stories::kTrainStories));
  EXPECT_EQ(text_of(data, *data.validation), stories::text(stories::kValidationSeed, stories::kValidationStories));
  ASSERT_TRUE(data.floor_bits_per_byte);
  double bits = 0;  // the generator's own account
  for (int64_t i = 0; i < stories::kValidationStories; ++i) {
    bits -= stories::story(stories::kValidationSeed, i).log2_probability;
  }
  EXPECT_NEAR(*data.floor_bits_per_byte, bits / static_cast<double>(data.validation_bytes), 1e-12);
  EXPECT_TRUE(contains(log_of(train_on({"builtin:stories"})), "is up to date"));
}

}  // namespace
}  // namespace slm
