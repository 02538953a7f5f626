// generate, evaluate, logits and the help of every command.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "core/file.h"
#include "formats/safetensors.h"

namespace slm {
namespace {

const std::string kModels = std::string(SLM_SOURCE_DIR) + "/tests/golden/models/";

TEST(Commands, VersionNamesCompilerAndLibTorch) {
  const auto result = run_slm({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find("LibTorch 2."), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("GCC"), std::string::npos) << result.out;
}

TEST(Commands, EveryHelpEndsWithExamples) {
  for (const char* command : {"train", "evaluate", "generate", "prepare", "logits", "verify", "config", "doctor"}) {
    const auto result = run_slm({command, "--help"});
    EXPECT_EQ(result.exit_code, 0);
    const auto examples = result.out.find("Examples:\n  slm " + std::string(command));
    EXPECT_NE(examples, std::string::npos) << result.out;
  }
}

TEST(Commands, WrongUseExitsWithTwo) {
  EXPECT_EQ(run_slm({}).exit_code, 2);
  EXPECT_EQ(run_slm({"tarin"}).exit_code, 2);
  EXPECT_EQ(run_slm({"generate", "nowhere"}).exit_code, 2);
  EXPECT_EQ(run_slm({"generate", "nowhere", "--prompt", "x"}).exit_code, 3);
}

TEST(Commands, LogitsAreSavedWithEveryTappedTensor) {
  const TestFolder folder;
  const auto out = (folder / "x.safetensors").string();
  const auto result = run_slm({"logits", kModels + "gpt2_tiny", "--ids", "5,9,2", "--out", out, "--tap"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const SafetensorsFile file(out);
  ASSERT_NE(file.find("logits"), nullptr);
  EXPECT_EQ(file.find("logits")->shape, (std::vector<int64_t>{1, 3, 128}));
  for (const char* name : {"hidden.embeddings", "attention.0", "mlp.1", "hidden.block.1", "hidden.final"}) {
    EXPECT_NE(file.find(name), nullptr) << name;
  }
}

TEST(Commands, LogitsReadRowsOfIdsFromAFile) {
  const TestFolder folder;
  const auto out = (folder / "x.safetensors").string();
  const auto rows = folder.file("rows.json", "[[1, 2], [3, 4], [5, 6]]");
  ASSERT_EQ(run_slm({"logits", kModels + "llama_tiny", "--ids-file", rows, "--out", out}).exit_code, 0);
  EXPECT_EQ(SafetensorsFile(out).find("logits")->shape[0], 3);
  const auto ragged = folder.file("ragged.json", "[[1, 2], [3]]");
  EXPECT_EQ(run_slm({"logits", kModels + "llama_tiny", "--ids-file", ragged, "--out", out}).exit_code, 3);
}

TEST(Commands, LogitsRefuseIdsOutsideTheVocabulary) {
  const TestFolder folder;
  const auto result = run_slm({"logits", kModels + "gpt2_tiny", "--ids", "5,128", "--out", (folder / "x").string()});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.error.find("found 128, expected 0 to 127"), std::string::npos) << result.error;
}

// A trained model and its text, made once for the tests below.
class TrainedModel : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TestFolder;
    std::string text;
    for (int i = 0; i < 100; ++i) text += "the cat sat on the mat; ";
    const auto file = folder_->file("text.txt", text);
    const auto config = folder_->file(
        "config.yaml",
        "model: {architecture: llama, max_sequence_length: 32, n_layers: 1, n_heads: 2, d_model: 32}\ndata: {train: '" +
            file + "'}\noutput_dir: '" + run() +
            "'\nmax_steps: 300\nmicro_batch_size: 8\nwarmup_steps: 5\nlearning_rate: 5e-3\nthreads: 1\n");
    const auto result = run_slm({"train", config});
    ASSERT_EQ(result.exit_code, 0) << result.error;
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::string run() { return (*folder_ / "run").string(); }

  static TestFolder* folder_;
};
TestFolder* TrainedModel::folder_ = nullptr;

TEST_F(TrainedModel, ContinuesTheTextPastItsWindow) {
  const auto result =
      run_slm({"generate", run(), "--prompt", "the cat sat", "--max-tokens", "61", "--temperature", "0"});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(result.out, "the cat sat on the mat; the cat sat on the mat; the cat sat on the mat; \n");
}

TEST_F(TrainedModel, StopsBeforeTheStopString) {
  const auto result =
      run_slm({"generate", run(), "--prompt", "the cat", "--temperature", "0", "--stop", "mat", "--stop", "xyz"});
  EXPECT_EQ(result.out, "the cat sat on the \n");
}

TEST_F(TrainedModel, TheSeedDecidesTheText) {
  const auto text = [](const char* seed) {
    return run_slm({"generate", run(), "--prompt", "t", "--temperature", "3", "--max-tokens", "40", "--seed", seed})
        .out;
  };
  EXPECT_EQ(text("1"), text("1"));
  EXPECT_NE(text("1"), text("2"));
}

TEST_F(TrainedModel, ACharacterThatTheTokenizerLacksIsNamedWithItsPlace) {
  const auto result = run_slm({"generate", run(), "--prompt", "the cat Z"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.error.find("'Z' (U+005A)"), std::string::npos) << result.error;
  EXPECT_NE(result.error.find("8"), std::string::npos) << result.error;
}

TEST_F(TrainedModel, EvaluateGivesTheLossOfTheRunsOwnValidationText) {
  const auto result = run_slm({"evaluate", run(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto json = nlohmann::json::parse(result.out);
  std::istringstream lines(read_file(run() + "/metrics.jsonl"));
  nlohmann::json last;
  for (std::string line; std::getline(lines, line);) {
    const auto row = nlohmann::json::parse(line);
    if (row["type"] == "evaluation") last = row;
  }
  EXPECT_EQ(json["tokens"], last["tokens"]);
  EXPECT_NEAR(json["loss"].get<double>(), last["loss"].get<double>(), 1e-6);
  EXPECT_NEAR(json["bits_per_byte"].get<double>(), json["loss"].get<double>() / std::log(2.0), 1e-9);
}

TEST_F(TrainedModel, EvaluateReadsAnotherFile) {
  const auto other = folder_->file("other.txt", std::string(200, 't'));
  const auto result = run_slm({"evaluate", run(), "--data", other, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_GT(nlohmann::json::parse(result.out)["loss"].get<double>(), 1.0);
}

}  // namespace
}  // namespace slm
