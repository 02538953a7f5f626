// What `slm train` makes of bad input: an exit code, a message, and nothing left behind.
#include <gtest/gtest.h>

#include "cli/train_command.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

TEST_F(TrainCommand, RefusesAnOutputFolderThatHoldsARun) {
  ASSERT_EQ(train().exit_code, 0);
  const auto before = read_file(run() / "metrics.jsonl");
  const auto result = train();
  EXPECT_EQ(result.exit_code, kUsage);
  EXPECT_NE(result.error.find("already holds a run; use resume=auto"), std::string::npos) << result.error;
  EXPECT_EQ(read_file(run() / "metrics.jsonl"), before);
}

TEST_F(TrainCommand, RefusesAGpuThatIsNotThereAndAutoTakesTheCpu) {
  const auto found = nlohmann::json::parse(run_slm({"doctor", "--json"}).out)["device"];
  if (!found["gpus"].empty()) GTEST_SKIP() << "a GPU is here";
  const auto refused = train({"device=cuda"});
  EXPECT_EQ(refused.exit_code, kUsage);
  EXPECT_NE(refused.error.find("device: found cuda, but "), std::string::npos) << refused.error;
  EXPECT_FALSE(fs::exists(run()));
  EXPECT_EQ(train({"max_steps=2", "device=auto"}).exit_code, 0);
  EXPECT_NE(read_file(run() / "config.resolved.yaml").find("\ndevice: cpu\n"), std::string::npos);
  for (const char* device : {"cpu", "cuda"}) {
    const auto result =
        run_slm({"generate", run().string(), "--prompt", "It", "--max-tokens", "1", "--device", device});
    EXPECT_EQ(result.exit_code, std::string(device) == "cpu" ? 0 : kUsage) << result.error;
  }
}

TEST_F(TrainCommand, RefusesAResumeUnderAnotherConfigAndNamesBothValues) {
  ASSERT_EQ(train().exit_code, 0);
  const auto result = train({"resume=auto", "learning_rate=0.5"});
  EXPECT_EQ(result.exit_code, kUsage);
  EXPECT_NE(result.error.find("learning_rate"), std::string::npos) << result.error;
  EXPECT_NE(result.error.find("0.5"), std::string::npos) << result.error;
  EXPECT_NE(result.error.find("0.0006"), std::string::npos) << result.error;
}

TEST_F(TrainCommand, RefusesAResumeOnOtherData) {
  ASSERT_EQ(train().exit_code, 0);
  folder_.file("text.txt", repeated(21));
  const auto result = train({"resume=auto", "max_steps=12"});
  EXPECT_EQ(result.exit_code, kData);
  EXPECT_NE(result.error.find("other data"), std::string::npos) << result.error;
}

TEST_F(TrainCommand, DivergingEndsWithItsOwnExitCode) {
  const auto result = train({"learning_rate=1e30", "max_grad_norm=0", "warmup_steps=0", "max_skipped_steps=2"});
  EXPECT_EQ(result.exit_code, kDiverged) << result.error;
  EXPECT_NE(result.error.find("not finite for 3 steps in a row; the run has diverged"), std::string::npos)
      << result.error;
}

struct BadInput {
  std::string name;
  std::vector<std::string> overrides;
  int exit_code;
  std::string message;  // a part of it
};

class BadTraining : public TrainCommand, public testing::WithParamInterface<BadInput> {};

TEST_P(BadTraining, IsRefusedBeforeARunBegins) {
  folder_.file("empty.txt", "");
  folder_.file("short.txt", "too short");
  folder_.file("latin1.txt", "caf\xE9 society");
  auto overrides = GetParam().overrides;
  for (auto& text : overrides) {
    if (const auto at = text.find("DIR"); at != std::string::npos) text.replace(at, 3, (folder_ / "").string());
  }
  const auto result = train(overrides);
  EXPECT_EQ(result.exit_code, GetParam().exit_code) << result.error;
  EXPECT_NE(result.error.find(GetParam().message), std::string::npos) << result.error;
  EXPECT_FALSE(fs::exists(run() / "metrics.jsonl"));
  EXPECT_FALSE(fs::exists(run() / "checkpoints"));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadTraining,
    testing::Values(BadInput{"MissingText", {"data.train=DIRnowhere.txt"}, kData, "nowhere.txt"},
                    BadInput{"EmptyText", {"data.train=DIRempty.txt"}, kData, "empty.txt"},
                    BadInput{"ShortText", {"data.train=DIRshort.txt"}, kData, "17"},
                    BadInput{"NotUtf8", {"data.train=DIRlatin1.txt"}, kData, "latin1.txt"},
                    BadInput{"UnknownKey", {"learning_rat=1"}, kUsage, "did you mean learning_rate?"},
                    BadInput{"UnknownArchitecture", {"model.architecture=mamba"}, kUsage, "mamba"},
                    BadInput{"NothingToFreeze",
                             {"freeze=model.layer.0.*"},
                             kUsage,
                             "freeze: 'model.layer.0.*' matches no parameter; did you mean model.layers.0.*?"},
                    BadInput{"AllFrozen", {"freeze='*'"}, kUsage, "leaves no parameter to train"},
                    BadInput{"NothingToResume", {"resume=must"}, kData, "holds no checkpoint"},
                    BadInput{"NoMemory", {"model.d_model=100000", "model.n_layers=1000"}, 4, "memory"},
                    BadInput{"MissingParent", {"init_from=DIRnowhere"}, kData, "nowhere"}),
    [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace slm
