#include "data/prepare.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/error_of.h"
#include "core/file.h"
#include "core/rng.h"
#include "core/sha256.h"
#include "core/temporary_folder.h"
#include "data/stories/stories.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

class Prepare : public ::testing::Test {
 protected:
  std::string file(const std::string& name, std::string_view content) const {
    fs::create_directories((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, content);
    return (folder_ / name).string();
  }
  PreparedData prepare(const DataConfig& config, int64_t sequence_length = 4) const {
    return prepare_data(config, sequence_length, out());
  }
  std::string message(const DataConfig& config, int64_t sequence_length = 4) const {
    return message_of([&] { prepare(config, sequence_length); });
  }
  // What prepare_data writes to the log.
  std::string log_of(const DataConfig& config) const {
    ::testing::internal::CaptureStderr();
    prepare(config);
    return ::testing::internal::GetCapturedStderr();
  }
  fs::path out() const { return folder_ / "out"; }
  fs::path path(const std::string& name) const { return folder_ / name; }

 private:
  TemporaryFolder folder_;
};

DataConfig train_on(const std::vector<std::string>& files) {
  DataConfig config;
  config.train.assign(files.begin(), files.end());
  config.validation_fraction = 0.5;
  return config;
}

std::string text_of(const PreparedData& data, const TokenStream& file) {
  std::vector<int64_t> ids(static_cast<size_t>(file.size()));
  file.copy(0, ids);
  return data.tokenizer->decode(std::vector<int32_t>(ids.begin(), ids.end()));
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr const char* kEuros = "caf\xC3\xA9 10 \xE2\x82\xAC, 20 \xE2\x82\xAC!";  // 16 characters, 21 bytes

}  // namespace

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

// What a config gives, whatever lies there already.
std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().filename() == "data.json") continue;
    files.push_back(entry.path().lexically_relative(folder).string() + " " + sha256_of_file(entry.path()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Many short documents, some megabytes.
std::string lines_of_json(int64_t documents) {
  std::string lines;
  for (int64_t i = 0; i < documents; ++i) {
    lines += fmt::format("{{\"id\": {}, \"text\": \"{}\\u00e9 number {}\\n\"}}\n", i, std::string(i % 97, 'x'), i * i);
  }
  return lines;
}

TEST_F(Prepare, ShardsOfEverySizeAndEveryNumberOfThreadsHoldTheSameTokensAndDocuments) {
  auto config = train_on({file("a.jsonl", lines_of_json(25'000)), file("b.txt", "the end")});
  config.validation_fraction = 0.1;
  const PreparedData whole = prepare(config);
  ASSERT_GT(whole.train[0].tokens->size(), 1'000'000);  // several chunks
  const std::string text = text_of(whole, *whole.train[0].tokens), rest = text_of(whole, *whole.validation);
  const auto starts = whole.train[0].tokens->document_starts(0, whole.train[0].tokens->size());
  const auto rest_starts = whole.validation->document_starts(0, whole.validation->size());
  EXPECT_EQ(starts.size() + rest_starts.size(), 25'001u);
  std::vector<std::vector<std::string>> files;
  for (const int threads : {1, 2, 4}) {
    for (const int64_t shard : {100'000, 1'234'567}) {
      const auto folder = path(fmt::format("{} {}", threads, shard));
      const PreparedData data = prepare_data(config, 4, folder, {.threads = threads, .shard_tokens = shard});
      EXPECT_EQ(text_of(data, *data.train[0].tokens), text);
      EXPECT_EQ(text_of(data, *data.validation), rest);
      EXPECT_EQ(data.train[0].tokens->document_starts(0, data.train[0].tokens->size()), starts);
      EXPECT_EQ(data.validation->document_starts(0, data.validation->size()), rest_starts);
      EXPECT_EQ(data.train[0].bytes, whole.train[0].bytes);
      EXPECT_EQ(data.validation_bytes, whole.validation_bytes);
      if (shard == 100'000) files.push_back(files_below(folder));
    }
  }
  EXPECT_GT(files[0].size(), 20u);
  EXPECT_EQ(files[0], files[1]);
  EXPECT_EQ(files[0], files[2]);
}

// Ends `work` in a process of its own as soon as `when` is true.
template <class Work, class When>
bool kill_when(const Work& work, const When& when) {
  const pid_t child = fork();
  if (child == 0) {
    std::freopen("/dev/null", "w", stderr);
    work();
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (when()) kill(child, SIGKILL);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

TEST_F(Prepare, KilledAtTenMomentsAndBegunAgainItGivesTheSameFiles) {
  auto config = train_on({file("a.jsonl", lines_of_json(60'000)), file("b.txt", std::string(500'000, 'b'))});
  config.validation_fraction = 0.2;
  const PrepareSettings settings{.threads = 2, .shard_tokens = 40'000};
  prepare_data(config, 4, path("whole"), settings);
  const auto shards_in = [&](const fs::path& folder) {
    std::error_code error;
    int64_t shards = 0;
    for (const auto& entry : fs::directory_iterator(folder, error)) shards += entry.path().extension() == ".bin";
    return shards;
  };
  int kills = 0;
  int64_t finished = 0;
  for (uint64_t i = 0; i < 10; ++i) {
    const int64_t more = 1 + static_cast<int64_t>(CounterRng(5).bits(0, i) % 4);
    const int64_t wanted = finished + more;
    const auto is_there = [&] { return shards_in(out() / "preparing/tokens") >= wanted; };
    kills += kill_when([&] { prepare_data(config, 4, out(), settings); }, is_there);
    const int64_t now = shards_in(out() / "preparing/tokens");
    EXPECT_GE(now, finished);
    finished = now;
    EXPECT_FALSE(fs::exists(out() / "data.json"));
  }
  EXPECT_EQ(kills, 10);
  ::testing::internal::CaptureStderr();
  prepare_data(config, 4, out(), settings);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(contains(log, "going on after")) << log;
  EXPECT_FALSE(contains(log, "going on after 0 ")) << log;
  EXPECT_EQ(files_below(out()), files_below(path("whole")));
  EXPECT_EQ(read_file(out() / "data.json"), read_file(path("whole") / "data.json"));
}

TEST_F(Prepare, WhatWasBegunForOtherTextIsNotGoneOnWith) {
  const auto config = train_on({file("a.jsonl", lines_of_json(20'000))});
  const PrepareSettings settings{.threads = 1, .shard_tokens = 100'000};
  const auto is_there = [&] { return fs::exists(out() / "preparing/tokens/train-00001.bin"); };
  ASSERT_TRUE(kill_when([&] { prepare_data(config, 4, out(), settings); }, is_there));
  file("a.jsonl", lines_of_json(20'001));
  const PreparedData data = prepare_data(config, 4, out(), settings);
  prepare_data(config, 4, path("fresh"), settings);
  EXPECT_EQ(files_below(out()), files_below(path("fresh")));
}

// Every step of moving the new files to their places may be the last one of a process.
TEST_F(Prepare, AnEndWhileTheNewFilesAreMovedIsMadeGood) {
  auto config = train_on({file("a.txt", "hello world, hello world")});
  prepare(config);
  config.train = {file("b.txt", "something else and longer than that")};
  prepare_data(config, 4, path("new"));
  fs::create_directories(out() / "preparing/tokens");
  for (const auto& entry : fs::directory_iterator(path("new") / "tokens")) {
    if (entry.path().filename() == "train-00000.bin") {  // is in its place already
      fs::copy_file(entry.path(), out() / "tokens/train-00000.bin", fs::copy_options::overwrite_existing);
    } else {
      fs::copy_file(entry.path(), out() / "preparing/tokens" / entry.path().filename());
    }
  }
  fs::copy_file(path("new") / "tokenizer.json", out() / "preparing/tokenizer.json");
  fs::copy_file(path("new") / "data.json", out() / "preparing/data.json");
  EXPECT_TRUE(contains(log_of(config), "is up to date"));
  EXPECT_EQ(files_below(out()), files_below(path("new")));
}

TEST_F(Prepare, WrongTextLeavesWhatWasThereBefore) {
  auto config = train_on({file("a.txt", "hello world,\nhello world")});
  prepare(config);
  const auto before = files_below(out());
  config.tokenizer = (out() / "tokenizer.json").string();
  const std::string bad = std::string(3'000'000, 'l') + "\nhello \xFF";
  config.train = {file("a.txt", "hello world,\nhello world"), file("b.txt", bad)};
  const std::string text = message_of([&] { prepare_data(config, 4, out(), {.threads = 2, .shard_tokens = 100'000}); });
  EXPECT_TRUE(contains(text, "b.txt:2:7: byte 3000007 (0xFF) is not UTF-8")) << text;
  EXPECT_EQ(files_below(out()), before);
  const std::string other = message_of([&] { prepare_data(config, 4, path("new/folder"), {}); });
  EXPECT_EQ(other, text);
  EXPECT_FALSE(fs::exists(path("new")));
}

TEST_F(Prepare, LinesOfJsonAreDocuments) {
  auto config = train_on({file("a.jsonl",
                               "{\"text\": \"one\\r\\n\"}\r\n\n{\"text\": \"\"}\n  \t\n"
                               "{\"meta\": {\"text\": 1}, \"text\": \"tw\\u0000o\"}\n{\"text\": \"\xC3\xA9\"}")});
  config.validation_fraction = 0;
  ::testing::internal::CaptureStderr();
  const PreparedData data = prepare(config);
  EXPECT_TRUE(contains(::testing::internal::GetCapturedStderr(), "1 empty documents were left out"));
  EXPECT_EQ(text_of(data, *data.train[0].tokens), std::string("one\r\ntw\0o\xC3\xA9", 11));
  EXPECT_EQ(data.train[0].documents, 3);
  EXPECT_EQ(data.train[0].tokens->document_starts(0, 10), (std::vector<int64_t>{0, 5, 9}));
}

TEST_F(Prepare, TextIsKeptByteByByte) {
  const std::string text("a\r\nb\0c\n\xEF\xBB\xBF\n\n d", 15);
  auto config = train_on({file("a.txt", text)});
  config.validation_fraction = 0;
  const PreparedData data = prepare(config);
  EXPECT_EQ(text_of(data, *data.train[0].tokens), text);
}

TEST_F(Prepare, ALineOfManyMegabytesIsADocumentLikeAnother) {
  const std::string longest(20'000'000, 'y');
  auto config = train_on({file("a.jsonl", "{\"text\": \"x\"}\n{\"text\": \"" + longest + "\"}\n{\"text\": \"z\"}\n")});
  config.validation_fraction = 0;
  const PreparedData data = prepare(config);
  EXPECT_EQ(data.train[0].tokens->size(), 20'000'002);
  EXPECT_EQ(data.train[0].tokens->document_starts(0, 20'000'002), (std::vector<int64_t>{0, 1, 20'000'001}));
}

TEST_F(Prepare, ABadLineOfJsonIsNamed) {
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += "{\"text\": \"some text\"}\n";  // over a chunk
  const auto with = [&](const std::string& line) { return message(train_on({file("a.jsonl", many + line)})); };
  EXPECT_TRUE(contains(with("{\"txt\": \"a\"}\n"), "a.jsonl:100001: the key \"text\" is missing"));
  EXPECT_TRUE(contains(with("{\"text\": 12}\n"), "a.jsonl:100001: text: found number, expected text"));
  EXPECT_TRUE(contains(with("\n[1]\n"), "a.jsonl:100002: found array, expected an object"));
  EXPECT_TRUE(contains(with("{\"text\": \"a}\n"), "a.jsonl:100001:")) << with("{\"text\": \"a}\n");
  EXPECT_TRUE(contains(with("{\"text\": \"\xFF\"}\n"), "a.jsonl:100001:")) << with("{\"text\": \"\xFF\"}\n");
  EXPECT_TRUE(contains(message(train_on({file("a.jsonl", "\n \n")})), "a.jsonl: holds no text"));
  EXPECT_TRUE(contains(message(train_on({file("a.jsonl", "")})), "a.jsonl: empty file"));
  auto config = train_on({file("b.jsonl", many + "{\"text\": \"\\u00e9\"}")});
  prepare_data(train_on({file("c.txt", many)}), 4, path("other"));
  config.tokenizer = (path("other") / "tokenizer.json").string();
  EXPECT_TRUE(contains(message(config), "b.jsonl:100001: text:1:1: character '\xC3\xA9'")) << message(config);
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(Prepare, ValidationTextIsWholeDocumentsWhereThatIsNearTheShare) {
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += fmt::format("{{\"text\": \"{}\"}}\n", std::string(10, 'a' + i % 26));
  auto config = train_on({file("a.jsonl", lines)});
  config.validation_fraction = 0.123;  // 877 tokens are left: the nearest document begins at 880
  EXPECT_EQ(prepare(config).train[0].tokens->size(), 880);
  config.train = {file("a.txt", std::string(500, 'a')), file("b.txt", std::string(500, 'b'))};
  config.validation_fraction = 0.1;  // the only other document begins at 500
  EXPECT_EQ(prepare(config).train[0].tokens->size(), 900);
  config.validation_fraction = 0.4;
  const PreparedData data = prepare(config);
  EXPECT_EQ(data.train[0].tokens->size(), 500);
  EXPECT_EQ(text_of(data, *data.validation), std::string(500, 'b'));
}

TEST_F(Prepare, EntriesWithWeightsAreReadApart) {
  DataConfig config;
  config.train = {file("one.txt", std::string(100, 'a')), file("two.txt", std::string(200, 'b'))};
  config.train[0].weight = 1;
  config.train[1].weight = 2.5;
  config.validation_fraction = 0.1;
  const PreparedData data = prepare(config);
  ASSERT_EQ(data.train.size(), 2u);
  EXPECT_EQ(text_of(data, *data.train[0].tokens), std::string(90, 'a'));
  EXPECT_EQ(text_of(data, *data.train[1].tokens), std::string(180, 'b'));
  EXPECT_EQ(text_of(data, *data.validation), std::string(10, 'a') + std::string(20, 'b'));
  EXPECT_EQ(data.train[1].weight, 2.5);
  config.train[1].weight = 7;  // other weights are no other tokens
  EXPECT_TRUE(contains(log_of(config), "is up to date"));
  EXPECT_EQ(prepare(config).train[1].weight, 7);
  config.train[0].weight = config.train[1].weight = std::nullopt;
  EXPECT_TRUE(contains(log_of(config), "the data config changed"));
  EXPECT_EQ(prepare(config).train.size(), 1u);
}

TEST_F(Prepare, ReadsAFileInTheFormatThatIsAskedFor) {
  const PreparedData first = prepare(train_on({file("a.txt", "hello world, hello world")}));
  fs::copy_file(out() / "tokenizer.json", path("mine.json"));
  DataConfig config;
  config.train = {file("raw.bin", std::string("\x02\x00\x03\x00\x04\x00\x02\x00\x03\x00", 10))};
  config.train[0].format = "uint16";
  config.tokenizer = path("mine.json").string();
  config.validation_fraction = 0;
  const PreparedData data = prepare(config);
  std::vector<int64_t> ids(5);
  data.train[0].tokens->copy(0, ids);
  EXPECT_EQ(ids, (std::vector<int64_t>{2, 3, 4, 2, 3}));
  config.train = {file("raw2.bin", std::string("\x02\x00\xFF\x00", 4))};
  config.train[0].format = "uint16";
  EXPECT_TRUE(contains(message(config), "raw2.bin: token 1 is id 255, but the tokenizer's vocabulary has"));
  config.train = {file("notes.md", "hello hello hello")};
  config.train[0].format = "txt";
  EXPECT_EQ(text_of(prepare(config), *prepare(config).train[0].tokens), "hello hello hello");
}

// Standard input as long as this lives.
class StandardInput {
 public:
  explicit StandardInput(const std::string& path) : saved_(dup(STDIN_FILENO)) {
    const int file = open(path.c_str(), O_RDONLY);
    dup2(file, STDIN_FILENO);
    close(file);
  }
  ~StandardInput() {
    dup2(saved_, STDIN_FILENO);
    close(saved_);
  }

 private:
  int saved_;
};

TEST_F(Prepare, ReadsStandardInputAndNeedsItOnlyOnce) {
  auto config = train_on({"-"});
  config.train[0].format = "jsonl";
  const auto with = [&](const std::string& text) {
    const StandardInput input(file("input", text));
    return log_of(config);
  };
  EXPECT_TRUE(contains(with("{\"text\": \"hello world\"}"), "nothing prepared there yet"));
  EXPECT_TRUE(contains(with("{\"text\": \"hello world\"}"), "is up to date"));
  EXPECT_TRUE(contains(with(""), "is up to date"));
  EXPECT_TRUE(contains(with("{\"text\": \"hello World\"}"), "standard input changed"));
  EXPECT_FALSE(fs::exists(out() / "preparing/standard_input"));
  config.validation_fraction = 0.4;
  const StandardInput nothing(file("nothing", ""));
  EXPECT_TRUE(contains(message(config), "standard input: nothing came, but the text is needed again"));
  EXPECT_TRUE(contains(message_of([&] { prepare_data(config, 4, path("new")); }), "standard input: nothing came"));
  EXPECT_FALSE(fs::exists(path("new")));
}

}  // namespace slm
