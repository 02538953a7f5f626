// Training on conversations, and talking to the result.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/process.h"
#include "core/file.h"
#include "core/sha256.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

constexpr int kUsage = 2, kData = 3;

// Colors by name; always the same two answers.
std::string lines() {
  std::string text;
  for (int i = 0; i < 40; ++i) {
    text += R"({"messages": [{"role": "user", "content": "leaf?"}, {"role": "assistant", "content": "green"}]})"
            "\n";
    text += R"({"messages": [{"role": "user", "content": "sky?"}, {"role": "assistant", "content": "blue"}, )"
            R"({"role": "user", "content": "leaf?"}, {"role": "assistant", "content": "green"}]})"
            "\n";
  }
  return text;
}

class Chat : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TestFolder;
    folder_->file("chat.jsonl", lines());
    const auto result = train({});
    ASSERT_EQ(result.exit_code, 0) << result.error;
  }
  static void TearDownTestSuite() { delete folder_; }

  static ProcessResult train(const std::vector<std::string>& overrides) {
    const auto config = folder_->file(
        "config.yaml",
        "model: {architecture: llama, max_sequence_length: 64, n_layers: 2, n_heads: 2, d_model: 32}\ndata: {train: '" +
            (*folder_ / "chat.jsonl").string() + "'}\noutput_dir: '" + run() +
            "'\nmax_steps: 150\nmicro_batch_size: 8\nwarmup_steps: 10\nlearning_rate: 5e-3\nthreads: 1\n"
            "eval_steps: 50\nsave_steps: 50\nsave_total_limit: 0\n");
    std::vector<std::string> arguments{"train", config};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    return run_slm(arguments);
  }
  static std::string run(const std::string& name = "run") { return (*folder_ / name).string(); }

  // What `slm chat` answers to these lines of standard input.
  static ProcessResult chat(const std::string& input, std::vector<std::string> options = {},
                            const std::string& checkpoint = run()) {
    options.insert(options.begin(), {"chat", checkpoint, "--temperature", "0"});
    return run_slm(options, input);
  }

  static TestFolder* folder_;
};
TestFolder* Chat::folder_ = nullptr;

TEST_F(Chat, AnswersALineWithALine) {
  const auto result = chat("sky?\nleaf?\n");
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(result.out, "blue\ngreen\n");
}

TEST_F(Chat, AnswersAsObjectsForPrograms) {
  const auto result = chat("leaf?\n", {"--json"});
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["user"], "leaf?");
  EXPECT_EQ(json["assistant"], "green");
  EXPECT_EQ(json["finish_reason"], "end_of_text");
  EXPECT_EQ(json["forgotten_messages"], 0);
  EXPECT_EQ(json["ids"].size(), 6u);  // the end of the turn is the last
  EXPECT_EQ(json["prompt_tokens"], (1 + 4 + 1 + 5 + 1 + 1) + (1 + 9 + 1));
}

TEST_F(Chat, ForgetsTheOldestMessagesAloudWhereTheWindowIsFull) {
  const auto result = chat("leaf?\nsky?\nleaf?\n", {"--json"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  std::istringstream out(result.out);
  std::vector<int> forgotten;
  for (std::string line; std::getline(out, line);) {
    const auto json = nlohmann::json::parse(line);
    forgotten.push_back(json["forgotten_messages"]);
    EXPECT_LE(json["prompt_tokens"], 64);
  }
  EXPECT_EQ(forgotten, (std::vector<int>{0, 2, 2}));
  EXPECT_NE(result.error.find("the 2 oldest messages were forgotten"), std::string::npos) << result.error;
}

TEST_F(Chat, ResetBeginsAnewAndExitEnds) {
  const auto result = chat("leaf?\n/reset\nsky?\n/exit\nleaf?\n", {"--json"});
  std::istringstream out(result.out);
  std::string first, second, third;
  std::getline(out, first);
  std::getline(out, second);
  EXPECT_EQ(nlohmann::json::parse(second)["forgotten_messages"], 0);
  EXPECT_EQ(nlohmann::json::parse(second)["assistant"], "blue");
  EXPECT_FALSE(std::getline(out, third));
}

TEST_F(Chat, WhatCannotBeSaidIsAnErrorWithItsLine) {
  const auto missing = chat("leaf?\nX\n");
  EXPECT_EQ(missing.exit_code, kData);
  EXPECT_EQ(missing.out, "green\n");
  EXPECT_NE(missing.error.find("standard input:2: "), std::string::npos) << missing.error;
  EXPECT_NE(missing.error.find("'X'"), std::string::npos) << missing.error;
  const auto too_long = chat(std::string(80, 'l') + "\n");
  EXPECT_EQ(too_long.exit_code, kData);
  EXPECT_NE(too_long.error.find("the message has 99 tokens"), std::string::npos) << too_long.error;
  EXPECT_EQ(chat("leaf?\n", {"--system", ""}).exit_code, kUsage);
}

TEST_F(Chat, TheCheckpointSaysHowItTalks) {
  const auto checkpoint = fs::path(run()) / "checkpoints/latest";
  const auto tokenizer = nlohmann::json::parse(read_file(checkpoint / "tokenizer_config.json"));
  EXPECT_NE(tokenizer["chat_template"].get<std::string>().find("<|im_start|>"), std::string::npos);
  const auto generation = nlohmann::json::parse(read_file(checkpoint / "generation_config.json"));
  const auto end = nlohmann::json::parse(read_file(checkpoint / "tokenizer.json"))["added_tokens"][1];
  EXPECT_EQ(end["content"], "<|im_end|>");
  EXPECT_EQ(generation["eos_token_id"], nlohmann::json::array({end["id"]}));
}

std::string state(const fs::path& checkpoint) {
  return sha256_hex(read_file(checkpoint / "model.safetensors")) +
         sha256_hex(read_file(checkpoint / "optimizer.safetensors"));
}

TEST_F(Chat, AResumedRunHasTheSameBits) {
  const auto copy = run("resumed");
  fs::create_directories(fs::path(copy) / "checkpoints");
  fs::copy(fs::path(run()) / "checkpoints/step-000050", fs::path(copy) / "checkpoints/step-000050",
           fs::copy_options::recursive);
  const auto result = train({"output_dir=" + copy, "resume=" + copy + "/checkpoints/step-000050"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(state(fs::path(copy) / "checkpoints/step-000150"), state(fs::path(run()) / "checkpoints/step-000150"));
}

TEST_F(Chat, AModelOfOtherTextGetsTheTokensAndLearnsToAnswer) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "system user assistant\nleaf sky green blue?\n";
  const auto base = run("base"), tuned = run("tuned");
  auto result = train({"data.train=" + folder_->file("text.txt", text), "output_dir=" + base, "max_steps=20"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  result = chat("sky?\n", {}, base);
  EXPECT_EQ(result.exit_code, kData);
  EXPECT_NE(result.error.find("no special tokens <|im_start|> and <|im_end|>"), std::string::npos) << result.error;
  const auto tune = folder_->file("tune.yaml", "data: {train: '" + (*folder_ / "chat.jsonl").string() +
                                                   "'}\ninit_from: '" + base + "'\noutput_dir: '" + tuned +
                                                   "'\nmax_steps: 150\nmicro_batch_size: 8\nwarmup_steps: 10\n"
                                                   "learning_rate: 5e-3\nthreads: 1\nsave_steps: 100\n");
  result = run_slm({"train", tune});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_NE(result.error.find("vocabulary grew by 2"), std::string::npos) << result.error;
  EXPECT_EQ(chat("sky?\nleaf?\n", {}, tuned).out, "blue\ngreen\n");
  result = run_slm({"train", tune, "resume=must", "max_steps=150"});
  EXPECT_EQ(result.exit_code, 0) << result.error;
}

TEST_F(Chat, TheBuiltInQuestionsAreScored) {
  const auto result = train({"data.train=builtin:chat", "output_dir=" + run("builtin"), "max_steps=2", "warmup_steps=0",
                             "eval_batches=1", "model.max_sequence_length=256", "micro_batch_size=2"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_NE(result.error.find("answers 0/100"), std::string::npos) << result.error;
  const auto evaluated = run_slm({"evaluate", run("builtin"), "--json", "--length", "64"});
  EXPECT_EQ(nlohmann::json::parse(evaluated.out)["probes"]["answers"]["total"], 100) << evaluated.error;
}

}  // namespace
}  // namespace slm
