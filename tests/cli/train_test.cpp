// `slm train` from the outside: what a run writes, and what its keys change.
#include <gtest/gtest.h>

#include <set>

#include "cli/train_command.h"
#include "formats/safetensors.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

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

TEST_F(TrainCommand, InitFromKeepsATrainedTokenizerOverAnotherText) {
  const std::vector<std::string> bpe{"data.tokenizer=bpe", "data.vocab_size=300"};
  ASSERT_EQ(train(bpe).exit_code, 0);
  auto more = bpe;
  const auto other = folder_.file("other.txt", [] {
    std::string text;
    for (int i = 0; i < 400; ++i) text += "All happy families are alike.\n";
    return text;
  }());
  more.insert(more.end(), {"init_from=" + run().string(), "data.train=" + other, to("fine")});
  const auto result = train(more);
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(read_file(run("fine") / "checkpoints/latest/tokenizer.json"),
            read_file(run() / "checkpoints/latest/tokenizer.json"));
  more.emplace_back("resume=auto");
  EXPECT_EQ(train(more).exit_code, 0);
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

}  // namespace
}  // namespace slm
