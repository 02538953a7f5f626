// The program from the outside: a run's files, stopping and going on, and what bad input gets.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "cli/process.h"
#include "core/file.h"
#include "core/sha256.h"
#include "formats/safetensors.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

constexpr int kUsage = 2, kData = 3, kDiverged = 5;

const char* const kText =
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it "
    "was the epoch of belief, it was the epoch of incredulity, it was the season of light, it was the season of "
    "darkness, it was the spring of hope, it was the winter of despair.\n";

// A model that trains in a second.
class TrainCommand : public testing::Test {
 protected:
  TrainCommand() : text_(folder_.file("text.txt", repeated(20))), config_(folder_.file("config.yaml", config())) {}

  static std::string repeated(int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += kText;
    return text;
  }

  std::string config() const {
    return "model: {architecture: llama, max_sequence_length: 16, n_layers: 2, n_heads: 2, d_model: 16}\n"
           "data: {train: '" +
           text_ +
           "'}\n"
           "output_dir: '" +
           (folder_ / "run").string() +
           "'\n"
           "max_steps: 12\nmicro_batch_size: 4\nwarmup_steps: 2\nthreads: 1\n"
           "logging_steps: 1\neval_steps: 6\nsave_steps: 3\nsave_total_limit: 0\n";
  }

  ProcessResult train(const std::vector<std::string>& overrides = {}) const {
    std::vector<std::string> arguments{"train", config_};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    return run_slm(arguments);
  }

  fs::path run(const std::string& name = "run") const { return folder_ / name; }
  std::string to(const std::string& name) const { return "output_dir=" + run(name).string(); }

  // Hashes of what a step depends on.
  static std::string state(const fs::path& checkpoint) {
    return sha256_hex(read_file(checkpoint / "model.safetensors")) + " " +
           sha256_hex(read_file(checkpoint / "optimizer.safetensors"));
  }

  // metrics.jsonl without what the clock decides.
  static std::vector<nlohmann::json> metrics(const fs::path& run) {
    std::istringstream lines(read_file(run / "metrics.jsonl"));
    std::vector<nlohmann::json> rows;
    for (std::string line; std::getline(lines, line);) {
      auto row = nlohmann::json::parse(line);
      for (const char* key : {"step_seconds", "tokens_per_second", "memory_mib", "seconds", "grown"}) row.erase(key);
      rows.push_back(row);
    }
    return rows;
  }

  TestFolder folder_;
  std::string text_, config_;
};

TEST_F(TrainCommand, WritesTheFilesOfARun) {
  const auto result = train();
  ASSERT_EQ(result.exit_code, 0) << result.error;
  for (const char* file : {"config.yaml", "config.resolved.yaml", "environment.json", "metrics.jsonl", "log.txt",
                           "checkpoints/step-000012/manifest.json", "checkpoints/latest/model.safetensors",
                           "checkpoints/best/optimizer.safetensors"}) {
    EXPECT_TRUE(fs::exists(run() / file)) << file;
  }
  const auto rows = metrics(run());
  EXPECT_EQ(rows.size(), 12u + 2u + 1u);
  EXPECT_LT(rows[rows.size() - 2]["loss"].get<double>(), 3.3);
  EXPECT_EQ(run_slm({"verify", run().string()}).exit_code, 0);
}

TEST_F(TrainCommand, PrintsTheResolvedConfigTheModelAndTheBatch) {
  const auto result = train({"max_steps=1", "warmup_steps=0", "tokens_per_step=128"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  for (const auto& printed :
       {read_file(run() / "config.resolved.yaml"),
        std::string("1 steps of 128 tokens: 2 micro-batches of 4 windows of 16 tokens; 1 threads\n"),
        std::string("    layers: BlockList\n"
                    "      0-1: 2 x Block\n"
                    "        input_layernorm: RMSNorm(16, eps 1e-05)\n"
                    "        self_attn: Attention\n"
                    "          q_proj: DenseLinear(16 -> 16)\n")}) {
    EXPECT_NE(result.error.find(printed), std::string::npos) << printed << "\nnot in\n" << result.error;
    EXPECT_NE(read_file(run() / "log.txt").find(printed), std::string::npos) << printed;
  }
}

TEST_F(TrainCommand, TheSameConfigGivesTheSameBits) {
  ASSERT_EQ(train({to("a")}).exit_code, 0);
  ASSERT_EQ(train({to("b")}).exit_code, 0);
  EXPECT_EQ(state(run("a") / "checkpoints/latest"), state(run("b") / "checkpoints/latest"));
  ASSERT_EQ(train({to("c"), "seed=2"}).exit_code, 0);
  EXPECT_NE(state(run("a") / "checkpoints/latest"), state(run("c") / "checkpoints/latest"));
}

TEST_F(TrainCommand, EveryKeyOfMemoryAndPrecisionChangesWhatItShould) {
  ASSERT_EQ(train({to("plain")}).exit_code, 0);
  const auto plain = state(run("plain") / "checkpoints/latest");
  ASSERT_EQ(train({to("recomputed"), "gradient_checkpointing=true"}).exit_code, 0);
  EXPECT_EQ(state(run("recomputed") / "checkpoints/latest"), plain);
  for (const char* key : {"dtype=bfloat16", "optimizer_state_dtype=bfloat16", "model.dropout=0.1"}) {
    ASSERT_EQ(train({to(key), key}).exit_code, 0) << key;
    EXPECT_NE(state(run(key) / "checkpoints/latest"), plain) << key;
  }
}

TEST_F(TrainCommand, TheSizeOfTokenFilesChangesNothing) {
  ASSERT_EQ(train({to("plain")}).exit_code, 0);
  const auto prepared =
      run_slm({"prepare", config_, "--shard-tokens", "500", "--out", (run("small") / "data").string()});
  ASSERT_EQ(prepared.exit_code, 0) << prepared.error;
  EXPECT_TRUE(fs::exists(run("small") / "data/tokens/train-00005.bin"));
  const auto result = train({to("small")});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_NE(result.error.find("is up to date"), std::string::npos) << result.error;
  EXPECT_EQ(state(run("small") / "checkpoints/latest"), state(run("plain") / "checkpoints/latest"));
}

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

TEST_F(TrainCommand, ReportsToTensorBoardWhereAskedAndIntoANewFileWhereResumed) {
  const auto event_files = [&](const std::string& name) {
    std::vector<std::string> files;
    if (!fs::exists(run(name) / "tensorboard")) return files;
    for (const auto& entry : fs::directory_iterator(run(name) / "tensorboard"))
      files.push_back(read_file(entry.path()));
    return files;
  };
  ASSERT_EQ(train({to("plain")}).exit_code, 0);
  EXPECT_TRUE(event_files("plain").empty());
  ASSERT_EQ(
      train({to("watched"), "report_to=[jsonl, tensorboard]", "sample_steps=6", "sample_prompts=[It was]"}).exit_code,
      0);
  const auto files = event_files("watched");
  ASSERT_EQ(files.size(), 1u);
  for (const char* part : {"brain.Event:2", "train/loss", "train/tokens_per_second", "evaluation/bits_per_byte",
                           "memory/planned/total", "samples", "    It was"}) {
    EXPECT_NE(files[0].find(part), std::string::npos) << part;
  }
  EXPECT_EQ(metrics(run("watched")), metrics(run("plain")));
  EXPECT_EQ(state(run("watched") / "checkpoints/latest"), state(run("plain") / "checkpoints/latest"));
  const auto checkpoint = (run("watched") / "checkpoints/step-000006").string();
  ASSERT_EQ(train({to("watched"), "report_to=tensorboard", "resume=" + checkpoint}).exit_code, 0);
  EXPECT_EQ(event_files("watched").size(), 2u);
  EXPECT_EQ(metrics(run("watched")), metrics(run("plain")));
  EXPECT_EQ(train({to("other"), "report_to=wandb"}).exit_code, kUsage);
}

TEST_F(TrainCommand, ItsReportIsAPageInTheRunsFolderAlsoOfTwoRunsOrWhereAsked) {
  ASSERT_EQ(train({to("a"), "layer_norms_steps=6"}).exit_code, 0);
  ASSERT_EQ(train({to("b"), "seed=2"}).exit_code, 0);
  const auto one = run_slm({"report", run("a").string()});
  ASSERT_EQ(one.exit_code, 0) << one.error;
  EXPECT_EQ(one.out, (run("a") / "report.html").string() + "\n");
  const auto page = read_file(run("a") / "report.html");
  for (const char* part :
       {">Loss <", "step 12 of 12", ">finished<", "max_steps: 12", "model.layers.1.mlp.up_proj.weight"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
  ASSERT_EQ(run_slm({"report", run("a").string(), run("b").string()}).exit_code, 0);
  EXPECT_NE(read_file(run("a") / "comparison.html").find("<th>seed</th><td>1337</td><td>2</td>"), std::string::npos);
  const auto elsewhere = (folder_ / "page.html").string();
  ASSERT_EQ(run_slm({"report", run("a").string(), "-o", elsewhere}).exit_code, 0);
  EXPECT_EQ(read_file(elsewhere), page);
  EXPECT_EQ(run_slm({"report", run("none").string()}).exit_code, kData);
  EXPECT_EQ(run_slm({"report"}).exit_code, kUsage);
}

TEST_F(TrainCommand, WritesTheNormsOfEveryParameterOnRequest) {
  ASSERT_EQ(train({"layer_norms_steps=5"}).exit_code, 0);
  int64_t rows = 0;
  for (const auto& row : metrics(run())) {
    if (row["type"] != "layers") continue;
    ++rows;
    EXPECT_EQ(row["step"].get<int64_t>() % 5, 0);
    const auto& layer = row["layers"]["model.layers.1.mlp.down_proj.weight"];
    for (const char* norm : {"weight", "gradient", "update"}) EXPECT_GT(layer[norm].get<double>(), 0) << norm;
  }
  EXPECT_EQ(rows, 2);
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

TEST_F(TrainCommand, InitFromTakesWeightsShapeAndTokenizerFromTheCheckpoint) {
  ASSERT_EQ(train().exit_code, 0);
  const auto config =
      folder_.file("fine.yaml", "init_from: '" + run().string() + "'\ndata: {train: '" + text_ + "'}\noutput_dir: '" +
                                    run("fine").string() + "'\nmax_steps: 1\nwarmup_steps: 1\nthreads: 1\n");
  const auto result = run_slm({"train", config});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  // Step 0 of a warm-up has learning rate 0, so the weights are the parent's.
  EXPECT_EQ(read_file(run("fine") / "checkpoints/latest/model.safetensors"),
            read_file(run() / "checkpoints/best/model.safetensors"));
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

TEST_F(TrainCommand, TrainsAHuggingFaceFolderAndKeepsItsClassAndSpecialTokens) {
  const auto theirs = fs::path(SLM_SOURCE_DIR) / "tests/golden/models";
  for (const std::string model : {"qwen2_tiny", "llama3_tiny"}) {
    const auto parent = folder_ / model;
    fs::copy(theirs / model, parent);
    auto json = nlohmann::json::parse(read_file(parent / "config.json"));
    json["bos_token_id"] = 1;
    json["eos_token_id"] = {2, 7};
    write_file_atomically(parent / "config.json", json.dump());
    const auto config = folder_.file(
        "fine.yaml", "init_from: '" + parent.string() + "'\ndata: {train: '" + text_ + "'}\noutput_dir: '" +
                         run(model).string() +
                         "'\nmodel: {max_sequence_length: 16}\nmax_steps: 1\nwarmup_steps: 1\nthreads: 1\n");
    const auto result = run_slm({"train", config});
    ASSERT_EQ(result.exit_code, 0) << result.error;
    const auto ours = nlohmann::json::parse(read_file(run(model) / "checkpoints/latest/config.json"));
    for (const char* key : {"architectures", "model_type", "bos_token_id", "eos_token_id", "pad_token_id",
                            "max_position_embeddings", "rope_parameters", "tie_word_embeddings"}) {
      EXPECT_EQ(ours[key], json[key]) << key;
    }
  }
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

TEST_F(TrainCommand, SamplesAreWritten) {
  ASSERT_EQ(train({"sample_steps=6", "sample_prompts=[It was]"}).exit_code, 0);
  EXPECT_TRUE(read_file(run() / "samples/step-000012.txt").starts_with("It was"));
}

TEST_F(TrainCommand, AFullDiskLosesNoStepAndLeavesNothingHalfWritten) {
  constexpr uint64_t kLargestFile = 24 << 10;  // the model takes more, everything else less
  const auto result = Process({"train", config_}, kLargestFile).wait();
  EXPECT_EQ(result.exit_code, 1) << result.error;
  EXPECT_NE(result.error.find("step 3: not saved: "), std::string::npos) << result.error;
  EXPECT_NE(result.error.find("File too large"), std::string::npos) << result.error;
  EXPECT_EQ(metrics(run()).size(), 12u + 2u + 1u);
  EXPECT_TRUE(!fs::exists(run() / "checkpoints") || fs::is_empty(run() / "checkpoints"));
}

// --- bad input: exit code, message, and nothing left behind ---

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
