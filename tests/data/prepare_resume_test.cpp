// Token files do not depend on threads, on how they are cut, or on how often the work was killed.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

#include "core/rng.h"
#include "core/sha256.h"
#include "data/prepare_fixture.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

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

}  // namespace
}  // namespace slm
