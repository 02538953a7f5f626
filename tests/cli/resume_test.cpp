// Runs that stop and go on: with the same bits, from whatever checkpoint.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <set>
#include <thread>

#include "cli/train_command.h"
#include "formats/safetensors.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

TEST_F(TrainCommand, DocumentsAndWeightsChangeWhatIsLearnedAndAreResumedExactly) {
  std::string lines;
  for (int i = 0; i < 300; ++i) lines += "{\"text\": \"it was the " + std::to_string(i) + "\"}\n";
  const auto other = folder_.file("lines.jsonl", lines);
  const auto mixture = [&](const std::string& weight) {
    return "data.train=[{path: '" + text_ + "', weight: 1}, {path: '" + other + "', weight: " + weight + "}]";
  };
  const std::vector<std::vector<std::string>> variants = {
      {"data.train=['" + text_ + "', '" + other + "']"},
      {"data.train=['" + text_ + "', '" + other + "']", "data.isolate_documents=true"},
      {mixture("1")},
      {mixture("3"), "data.isolate_documents=true"}};
  std::set<std::string> states;
  for (const auto& keys : variants) {
    auto with = [&](std::vector<std::string> more) {
      more.insert(more.end(), keys.begin(), keys.end());
      return train(more);
    };
    const auto name = std::to_string(states.size());
    const auto whole = with({to(name)});
    ASSERT_EQ(whole.exit_code, 0) << whole.error;
    const auto end = state(run(name) / "checkpoints/latest");
    EXPECT_TRUE(states.insert(end).second) << name;
    const auto checkpoint = (run(name) / "checkpoints/step-000006").string();
    ASSERT_EQ(with({to(name + " again"), "resume=" + checkpoint}).exit_code, 0);
    EXPECT_EQ(state(run(name + " again") / "checkpoints/latest"), end);
    double loss = 0;
    for (const auto& row : metrics(run(name))) loss = row["type"] == "evaluation" ? row["loss"].get<double>() : loss;
    const auto evaluated = run_slm({"evaluate", (run(name) / "checkpoints/latest").string(), "--json"});
    ASSERT_EQ(evaluated.exit_code, 0) << evaluated.error;
    EXPECT_NEAR(nlohmann::json::parse(evaluated.out)["loss"].get<double>(), loss, 1e-6) << name;
  }
}

// With every part that has a state of its own between two steps, or none by design.
TEST_F(TrainCommand, ResumedInBfloat16WithDropoutTheRunEndsWithTheSameBits) {
  const std::vector<std::string> keys{"dtype=bfloat16", "optimizer_state_dtype=bfloat16", "model.dropout=0.1"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), keys.begin(), keys.end());
    return train(more);
  };
  ASSERT_EQ(with({to("whole")}).exit_code, 0);
  const auto checkpoint = (run("whole") / "checkpoints/step-000006").string();
  const auto result = with({to("again"), "resume=" + checkpoint});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(state(run("again") / "checkpoints/latest"), state(run("whole") / "checkpoints/latest"));
}

TEST_F(TrainCommand, EveryKeyOfMuonChangesTheRunAndAResumedOneEndsWithTheSameBits) {
  std::set<std::string> states;
  const auto with = [&](const std::string& name, std::vector<std::string> keys) {
    keys.insert(keys.end(), {"optimizer=muon", to(name)});
    const auto result = train(keys);
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return state(run(name) / "checkpoints/latest");
  };
  ASSERT_EQ(train({to("adamw")}).exit_code, 0);
  states.insert(state(run("adamw") / "checkpoints/latest"));
  for (const char* key : {"muon_momentum=0.95", "muon_momentum=0.5", "muon_nesterov=false", "muon_ns_steps=3",
                          "dtype=bfloat16", "optimizer_state_dtype=bfloat16", "weight_decay=0"}) {
    states.insert(with(key, {key}));
  }
  EXPECT_EQ(states.size(), 8u);

  for (const char* dtype : {"dtype=float32", "dtype=bfloat16"}) {
    const auto whole = with(std::string("whole ") + dtype, {dtype, "max_skipped_steps=1", "freeze=['*.k_proj.*']"});
    const auto checkpoint = (run(std::string("whole ") + dtype) / "checkpoints/step-000006").string();
    EXPECT_EQ(with(std::string("again ") + dtype,
                   {dtype, "max_skipped_steps=1", "freeze=['*.k_proj.*']", "resume=" + checkpoint}),
              whole);
  }
  const auto unused = train({to("unused"), "muon_momentum=0.5"});
  EXPECT_EQ(unused.exit_code, kUsage);
  EXPECT_NE(unused.error.find("muon_momentum: has no effect with optimizer adamw"), std::string::npos) << unused.error;
  EXPECT_EQ(train({to("adamw"), "optimizer=muon", "resume=must"}).exit_code, kUsage);
}

TEST_F(TrainCommand, ResumedFromAnyCheckpointTheRunEndsWithTheSameBits) {
  ASSERT_EQ(train({to("whole")}).exit_code, 0);
  for (const char* step : {"step-000003", "step-000006", "step-000009"}) {
    fs::remove_all(run("again"));
    fs::copy(run("whole"), run("again"), fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    for (const auto& entry : fs::directory_iterator(run("again") / "checkpoints")) {
      if (entry.is_directory() && !entry.is_symlink() && entry.path().filename() > step) fs::remove_all(entry.path());
    }
    const auto result = train({to("again"), "resume=must"});
    ASSERT_EQ(result.exit_code, 0) << result.error;
    EXPECT_EQ(state(run("again") / "checkpoints/step-000012"), state(run("whole") / "checkpoints/step-000012")) << step;
    EXPECT_EQ(metrics(run("again")), metrics(run("whole"))) << step;
  }
}

TEST_F(TrainCommand, SigtermFinishesTheStepSavesAndTheResumedRunHasTheSameBits) {
  const std::vector<std::string> length{"max_steps=400", "save_steps=0", "eval_steps=0"};
  auto overrides = length;
  overrides.push_back(to("whole"));
  ASSERT_EQ(train(overrides).exit_code, 0);

  overrides.back() = to("stopped");
  std::vector<std::string> arguments{"train", config_};
  arguments.insert(arguments.end(), overrides.begin(), overrides.end());
  Process process(arguments);
  while (!fs::exists(run("stopped") / "metrics.jsonl") || fs::file_size(run("stopped") / "metrics.jsonl") == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  process.send(SIGTERM);
  const auto stopped = process.wait();
  ASSERT_EQ(stopped.exit_code, 128 + SIGTERM) << stopped.error;
  ASSERT_TRUE(fs::exists(run("stopped") / "checkpoints/latest/manifest.json"));
  ASSERT_FALSE(fs::exists(run("stopped") / "checkpoints/step-000400")) << "ended before the signal came";

  overrides.push_back("resume=auto");
  ASSERT_EQ(train(overrides).exit_code, 0);
  EXPECT_EQ(state(run("stopped") / "checkpoints/step-000400"), state(run("whole") / "checkpoints/step-000400"));
}

TEST_F(TrainCommand, ResumeAutoPassesOverADamagedCheckpointAndNamesIt) {
  ASSERT_EQ(train().exit_code, 0);
  auto bytes = read_file(run() / "checkpoints/step-000012/model.safetensors");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file_atomically(run() / "checkpoints/step-000012/model.safetensors", bytes);
  EXPECT_EQ(train({"resume=must"}).exit_code, kData);
  EXPECT_EQ(run_slm({"verify", run().string()}).exit_code, kData);
  const auto result = train({"resume=auto"});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_TRUE(fs::exists(run() / "checkpoints/superseded-step-000012"));
  EXPECT_EQ(run_slm({"verify", run().string()}).exit_code, 0);
  EXPECT_NE(result.error.find("step-000012"), std::string::npos) << result.error;
  EXPECT_NE(result.error.find("SHA-256 differs"), std::string::npos) << result.error;
  EXPECT_NE(result.error.find("resumed at step 9"), std::string::npos) << result.error;
}

TEST_F(TrainCommand, KeepsTheNewestAndTheBestWithinTheLimit) {
  ASSERT_EQ(train({"save_total_limit=2", "eval_steps=3"}).exit_code, 0);
  std::vector<std::string> kept;
  for (const auto& entry : fs::directory_iterator(run() / "checkpoints")) {
    if (!entry.is_symlink()) kept.push_back(entry.path().filename());
  }
  EXPECT_EQ(kept.size(), 2u);
  EXPECT_TRUE(fs::exists(run() / "checkpoints/step-000012"));
  EXPECT_TRUE(fs::exists(run() / "checkpoints/best/manifest.json"));
}

TEST_F(TrainCommand, ARunFromACheckpointGoesOnWithoutItsParent) {
  ASSERT_EQ(train().exit_code, 0);
  const auto config = folder_.file("fine.yaml", "init_from: '" + run().string() + "'\ndata: {train: '" + text_ +
                                                    "'}\noutput_dir: '" + run("fine").string() +
                                                    "'\nmax_steps: 4\nsave_steps: 2\nwarmup_steps: 1\nthreads: 1\n");
  ASSERT_EQ(run_slm({"train", config}).exit_code, 0);
  const auto whole = state(run("fine") / "checkpoints/latest");
  fs::remove_all(run("fine") / "checkpoints/step-000004");
  fs::remove_all(run());
  const auto result = run_slm({"train", config, "resume=must"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(state(run("fine") / "checkpoints/latest"), whole);
}

TEST_F(TrainCommand, FrozenParametersStayAndTheRunResumesToTheSameBits) {
  const std::string freeze = "freeze=[model.embed_tokens.*, '*.k_proj.*']";
  ASSERT_EQ(train({to("whole"), freeze}).exit_code, 0);
  ASSERT_EQ(train({to("again"), freeze, "max_steps=12"}).exit_code, 0);
  fs::remove_all(run("again") / "checkpoints/step-000012");
  fs::remove_all(run("again") / "checkpoints/step-000009");
  const auto result = train({to("again"), freeze, "resume=must"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(state(run("again") / "checkpoints/step-000012"), state(run("whole") / "checkpoints/step-000012"));
  EXPECT_EQ(train({to("again"), "resume=must"}).exit_code, kUsage);
  const auto moments = read_file(run("whole") / "checkpoints/step-000012/optimizer.safetensors");
  EXPECT_EQ(moments.find("k_proj"), std::string::npos);
  EXPECT_NE(moments.find("q_proj"), std::string::npos);
  const auto tensor = [&](const char* step, const std::string& name) {
    const SafetensorsFile file(run("whole") / "checkpoints" / step / "model.safetensors");
    const auto bytes = file.data(*file.find(name));
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  for (const std::string name : {"model.embed_tokens.weight", "model.layers.1.self_attn.k_proj.weight"}) {
    EXPECT_EQ(tensor("step-000003", name), tensor("step-000012", name)) << name;
  }
  const std::string trained = "model.layers.1.self_attn.q_proj.weight";
  EXPECT_NE(tensor("step-000003", trained), tensor("step-000012", trained));
}

TEST_F(TrainCommand, AWsdRunCanBeMadeLongerBeforeItsDecayAndNotAfter) {
  const std::vector<std::string> wsd{"lr_scheduler_type=wsd", "wsd_decay_steps=4"};
  auto short_run = wsd, long_run = wsd;
  ASSERT_EQ(train(short_run).exit_code, 0);
  long_run.insert(long_run.end(), {"max_steps=20", "resume=must"});
  const auto refused = train(long_run);
  EXPECT_EQ(refused.exit_code, kUsage);
  EXPECT_NE(refused.error.find("the decay began at step 8, and the checkpoint stands at 12"), std::string::npos)
      << refused.error;
  long_run.back() = "resume=" + (run() / "checkpoints/step-000006").string();
  EXPECT_EQ(train(long_run).exit_code, 0);
}

TEST_F(TrainCommand, EndsEarlyAndSavedAfterEvaluationsWithoutALowerLossWhereverItWasResumed) {
  const std::vector<std::string> plateau{"learning_rate=0", "max_steps=40", "eval_steps=2", "save_steps=3"};
  auto stopping = plateau;
  stopping.push_back("early_stopping_evals=4");
  auto whole = stopping;
  whole.push_back(to("whole"));
  const auto result = train(whole);
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_NE(result.error.find("step 10: ended early: 4 evaluations in a row without a loss below"), std::string::npos)
      << result.error;
  EXPECT_TRUE(fs::exists(run("whole") / "checkpoints/step-000010/manifest.json"));
  EXPECT_EQ(metrics(run("whole")).back()["step"], 10);

  for (const char* step : {"step-000003", "step-000006", "step-000009", "step-000010"}) {
    fs::remove_all(run("again"));
    fs::copy(run("whole"), run("again"), fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    const auto checkpoint = (run("again") / "checkpoints" / step).string();
    auto again = stopping;
    again.insert(again.end(), {to("again"), "resume=" + checkpoint});
    const auto resumed = train(again);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.error;
    EXPECT_NE(resumed.error.find("step 10: ended early"), std::string::npos) << step << resumed.error;
    EXPECT_EQ(state(run("again") / "checkpoints/step-000010"), state(run("whole") / "checkpoints/step-000010")) << step;
    EXPECT_EQ(metrics(run("again")), metrics(run("whole"))) << step;
  }
  auto longer = plateau;
  longer.insert(longer.end(), {to("whole"), "resume=must"});
  ASSERT_EQ(train(longer).exit_code, 0);
  EXPECT_TRUE(fs::exists(run("whole") / "checkpoints/step-000040"));
}

}  // namespace
}  // namespace slm
