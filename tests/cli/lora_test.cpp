// Adapters from the outside: training, every command that reads a checkpoint, merging, quantizing again.
#include <gtest/gtest.h>

#include <cmath>

#include "cli/train_command.h"
#include "formats/safetensors.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

class Lora : public TrainCommand {
 protected:
  // A float model in run("base"), and a quantized one of it in run("q4").
  Lora() {
    EXPECT_EQ(train({to("base")}).exit_code, 0);
    base_ = run("base").string();
  }

  void quantize_base(const std::string& residual_bits = "null") {
    const auto result =
        run_slm({"quantize", base_, run("q4").string(), "quantization_bits=4", "quantization_type=weight_only",
                 "quantization_group_size=8", "quantization_residual_bits=" + residual_bits});
    ASSERT_EQ(result.exit_code, 0) << result.error;
    base_ = run("q4").string();
  }

  ProcessResult train_adapters(std::vector<std::string> overrides = {}) const {
    overrides.insert(overrides.end(), {"init_from=" + base_, "lora_rank=2", "learning_rate=1e-2"});
    return train(overrides);
  }

  static ProcessResult done(const std::vector<std::string>& arguments) {
    auto result = run_slm(arguments);
    EXPECT_EQ(result.exit_code, 0) << arguments[0] << ": " << result.error;
    return result;
  }

  static double loss_of(const fs::path& checkpoint, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"evaluate", checkpoint.string(), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return nlohmann::json::parse(done(arguments).out)["loss"].get<double>();
  }

  std::string error(const std::vector<std::string>& overrides) const {
    const auto result = train(overrides);
    EXPECT_EQ(result.exit_code, kUsage) << result.error;
    EXPECT_FALSE(fs::exists(run() / "checkpoints"));
    return result.error;
  }

  static bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  std::string base_;
};

TEST_F(Lora, EveryCommandReadsTheAdaptedModel) {
  const auto result = train_adapters();
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_TRUE(contains(result.error, "trained: 1,472 parameters in adapters of rank 2 over 14 linear layers"))
      << result.error;
  const auto checkpoint = run() / "checkpoints/latest";
  double last = 0;
  for (const auto& row : metrics(run())) {
    if (row["type"] == "evaluation") last = row["loss"].get<double>();
  }
  EXPECT_LE(std::abs(loss_of(checkpoint) - last), 1e-5);
  const double base = loss_of(base_);
  EXPECT_GT(std::abs(last - base), 1e-3);
  EXPECT_TRUE(contains(done({"evaluate", checkpoint.string()}).error, "adapters of rank 2 over 14 linear layers"));
  // The same adapter by its folder, over the base.
  EXPECT_LE(std::abs(loss_of(base_, {"--adapter", (checkpoint / "adapter").string()}) - last), 1e-5);
  done({"generate", checkpoint.string(), "--prompt", "It", "--max-tokens", "5"});
  EXPECT_TRUE(contains(done({"verify", checkpoint.string()}).out, "10 files"));
  const auto logits = [&](const std::string& name, const std::vector<std::string>& arguments) {
    std::vector<std::string> all{"logits"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    all.insert(all.end(), {"--ids", "1,2,3", "--out", run(name).string()});
    done(all);
    return read_file(run(name));
  };
  const auto adapted = logits("adapted", {checkpoint.string()});
  EXPECT_EQ(logits("named", {base_, "--adapter", (checkpoint / "adapter").string()}), adapted);
  EXPECT_NE(logits("base_logits", {base_}), adapted);
  const auto compared = nlohmann::json::parse(done({"compare", base_, checkpoint.string(), "--json"}).out);
  EXPECT_LE(std::abs(compared["second"]["loss"].get<double>() - last), 1e-5);
  EXPECT_GT(compared["second"]["tensor_bytes"], compared["first"]["tensor_bytes"]);
  const auto inspected = done({"inspect", checkpoint.string(), "--json"});
  EXPECT_TRUE(contains(inspected.error, "the layers are shown with their adapters added"));
  EXPECT_NE(nlohmann::json::parse(inspected.out)["layers"],
            nlohmann::json::parse(done({"inspect", base_, "--json"}).out)["layers"]);

  // What is damaged in the inner folder is seen as well.
  std::string bytes = read_file(checkpoint / "adapter/adapter_model.safetensors");
  bytes.back() ^= 1;
  write_file_atomically(checkpoint / "adapter/adapter_model.safetensors", bytes);
  EXPECT_EQ(run_slm({"verify", checkpoint.string()}).exit_code, kData);
  EXPECT_EQ(run_slm({"evaluate", checkpoint.string()}).exit_code, kData);
}

TEST_F(Lora, MergesIntoAFloatModelThatPredictsTheSame) {
  ASSERT_EQ(train_adapters({"lora_targets=['*.q_proj', '*.down_proj']"}).exit_code, 0);
  const auto checkpoint = run() / "checkpoints/best";
  const auto result = done({"merge", run().string(), run("merged").string()});
  EXPECT_TRUE(contains(result.out, "top-1 agreement 1.00000")) << result.out;
  EXPECT_FALSE(fs::exists(run("merged") / "adapter"));
  EXPECT_LE(std::abs(loss_of(run("merged")) - loss_of(checkpoint)), 1e-6);
  done({"verify", run("merged").string()});
  // A foreign folder over the base gives the same bytes.
  done({"merge", base_, run("again").string(), "--adapter", (checkpoint / "adapter").string()});
  EXPECT_EQ(read_file(run("again") / "model.safetensors"), read_file(run("merged") / "model.safetensors"));
  const auto none = run_slm({"merge", base_, run("none").string()});
  EXPECT_EQ(none.exit_code, kUsage);
  EXPECT_TRUE(contains(none.error, "has no adapters to merge; name a folder of one with --adapter")) << none.error;
  EXPECT_FALSE(fs::exists(run("none")));
  const auto twice =
      run_slm({"merge", run().string(), run("none").string(), "--adapter", (checkpoint / "adapter").string()});
  EXPECT_EQ(twice.exit_code, kUsage);
  EXPECT_TRUE(contains(twice.error, "has an adapter of its own")) << twice.error;
}

TEST_F(Lora, AResidualThatTheModelBelowKeepsIsLeftOut) {
  quantize_base("4");
  ASSERT_EQ(train_adapters().exit_code, 0);
  const auto checkpoint = run() / "checkpoints/latest";
  EXPECT_FALSE(fs::exists(checkpoint / "residual.safetensors"));
  EXPECT_EQ(done({"verify", checkpoint.string()}).exit_code, 0);
  EXPECT_LT(loss_of(checkpoint), loss_of(base_));
}

TEST_F(Lora, OverAQuantizedModelItsCodesStayAndItMergesAndIsQuantizedAgain) {
  quantize_base();
  const auto result = train_adapters();
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto checkpoint = run() / "checkpoints/latest";
  for (const char* file : {"model.safetensors", "quantization_metadata.json", "config.json"}) {
    EXPECT_EQ(read_file(checkpoint / file), read_file(fs::path(base_) / file)) << file;
  }
  const double adapted = loss_of(checkpoint);
  EXPECT_LT(adapted, loss_of(base_) - 1e-3);
  const auto inspected = done({"inspect", checkpoint.string()});
  EXPECT_TRUE(contains(inspected.error, "the quantized model below the adapters is shown")) << inspected.error;

  EXPECT_TRUE(contains(done({"merge", checkpoint.string(), run("merged").string()}).out, "top-1 agreement"));
  EXPECT_FALSE(fs::exists(run("merged") / "quantization_metadata.json"));
  EXPECT_LE(std::abs(loss_of(run("merged")) - adapted), 1e-5);

  const auto again = done({"quantize", checkpoint.string(), run("q8").string(), "quantization_type=weight_only"});
  const auto metadata = nlohmann::json::parse(read_file(run("q8") / "quantization_metadata.json"));
  EXPECT_LE(std::abs(metadata["parent"]["validation_loss"].get<double>() - adapted), 1e-5);
  EXPECT_LE(std::abs(loss_of(run("q8")) - metadata["quality"]["validation_loss"].get<double>()), 1e-6);
  done({"quantize", run("merged").string(), run("merged q8").string(), "quantization_type=weight_only"});
  EXPECT_EQ(read_file(run("q8") / "model.safetensors"), read_file(run("merged q8") / "model.safetensors"));
}

TEST_F(Lora, AResumedRunEndsWithTheSameBitsAndTheSameRows) {
  quantize_base();
  ASSERT_EQ(train_adapters({"lora_dropout=0.1"}).exit_code, 0);
  for (const int step : {3, 9}) {
    const auto name = "from " + std::to_string(step);
    fs::copy(run(), run(name), fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    const auto checkpoint = (run(name) / "checkpoints" / ("step-00000" + std::to_string(step))).string();
    const auto result = train_adapters({"lora_dropout=0.1", to(name), "resume=" + checkpoint});
    ASSERT_EQ(result.exit_code, 0) << result.error;
    const auto ours = run(name) / "checkpoints/step-000012", theirs = run() / "checkpoints/step-000012";
    EXPECT_EQ(state(ours), state(theirs));
    for (const char* file : {"adapter/adapter_model.safetensors", "adapter/adapter_config.json"}) {
      EXPECT_EQ(read_file(ours / file), read_file(theirs / file)) << file;
    }
    EXPECT_EQ(metrics(run(name)), metrics(run()));
  }
  const auto other = train_adapters({"lora_dropout=0.2", "resume=auto"});
  EXPECT_EQ(other.exit_code, kUsage);
  EXPECT_TRUE(contains(other.error, "lora_dropout: the checkpoint has 0.1, the config now has 0.2")) << other.error;
}

TEST_F(Lora, TheDryRunKnowsThatOnlyAdaptersHaveGradients) {
  const auto plan = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"train", config_, "init_from=" + base_, "--dry-run"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return done(arguments).out;
  };
  EXPECT_TRUE(contains(plan({"lora_rank=2"}), "trained 1,472 parameters in adapters of rank 2"))
      << plan({"lora_rank=2"});
  EXPECT_TRUE(contains(plan({"lora_rank=2"}), "gradients 0.0 + moments 0.0"));
  EXPECT_TRUE(contains(plan({}), "parameters 0.0 + gradients 0.0 + moments 0.1")) << plan({});
}

TEST_F(Lora, WhatCannotBeIsAnErrorByNameBeforeAnythingStarts) {
  const auto from = "init_from=" + base_;
  EXPECT_TRUE(contains(error({"lora_alpha=4"}), "lora_alpha: has no effect without lora_rank"));
  EXPECT_TRUE(contains(error({"lora_rank=2"}), "init_from: missing; lora_rank trains adapters over a model"));
  EXPECT_TRUE(contains(error({"lora_rank=2", from, "lora_targets=['*.query']"}),
                       "lora_targets: '*.query' matches no linear layer of the blocks"));
  EXPECT_TRUE(
      contains(error({"lora_rank=2", from, "quantization_mode=qat"}), "quantization_mode: found qat, which trains"));
  EXPECT_TRUE(contains(error({"lora_rank=2", from, "optimizer=muon"}), "optimizer: found muon, but adapters"));
  EXPECT_TRUE(contains(error({"lora_rank=2", from, "freeze=['*norm*']"}), "freeze: has no effect with lora_rank"));
  quantize_base();
  EXPECT_TRUE(contains(error({"lora_rank=2", "init_from=" + base_, "enable_quantized_finetuning=true"}),
                       "enable_quantized_finetuning: found true, which trains the codes"));
  std::string talk;
  for (int i = 0; i < 60; ++i) {
    talk += R"({"messages": [{"role": "user", "content": "it was the"}, {"role": "assistant", "content": "age"}]})"
            "\n";
  }
  const auto file = folder_.file("talk.jsonl", talk);
  EXPECT_TRUE(contains(error({"lora_rank=2", "init_from=" + base_, "data.train=" + file}), "cannot learn new ones"));
  ASSERT_EQ(train_adapters({to("adapted")}).exit_code, 0);
  for (const std::string rank : {"0", "2"}) {
    EXPECT_TRUE(contains(error({"lora_rank=" + rank, "init_from=" + run("adapted").string()}),
                         "is a model under adapters; make one model of them first, with slm merge"));
  }
}

TEST_F(Lora, ARunMayEndInQuantizingWhatItAdapted) {
  const auto result = train_adapters({"quantization_mode=ptq", "quantization_type=dynamic"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  done({"merge", run().string(), run("merged").string()});
  done({"quantize", run("merged").string(), run("merged q8").string(), "quantization_type=dynamic"});
  EXPECT_EQ(read_file(run() / "quantized/model.safetensors"), read_file(run("merged q8") / "model.safetensors"));
  EXPECT_FALSE(fs::exists(run() / "quantized/adapter"));
  // Beside its parent, whose layers are those under the adapters.
  const auto quantized = (run() / "quantized").string();
  const auto layers = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"inspect", quantized, "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return nlohmann::json::parse(done(arguments).out)["layers"];
  };
  const auto alone = layers({}), beside = layers({"--parent", run().string()});
  ASSERT_EQ(beside.size(), 15u);
  for (size_t i = 0; i < beside.size(); ++i) EXPECT_EQ(beside[i]["sqnr_db"], alone[i]["sqnr_db"]) << i;
}

TEST_F(Lora, AdaptersGoOverNoModelThatIsInTrainingForQuantization) {
  ASSERT_EQ(train_adapters().exit_code, 0);
  const auto adapter = (run() / "checkpoints/latest/adapter").string();
  ASSERT_EQ(train({to("qat"), "quantization_mode=qat", "qat_start_step=4"}).exit_code, 0);
  const auto checkpoint = (run("qat") / "checkpoints/latest").string();
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"evaluate", checkpoint}, {"merge", checkpoint, run("out").string()}}) {
    auto all = arguments;
    all.insert(all.end(), {"--adapter", adapter});
    const auto result = run_slm(all);
    EXPECT_EQ(result.exit_code, kUsage) << arguments[0];
    EXPECT_TRUE(contains(result.error, "is being trained for quantization; quantize it first")) << result.error;
  }
  EXPECT_FALSE(fs::exists(run("out")));
}

TEST_F(Lora, MergingWithATextNeedsATokenizer) {
  ASSERT_EQ(train_adapters().exit_code, 0);
  const auto base = run("without tokenizer");
  fs::create_directory(base);
  for (const char* file : {"config.json", "model.safetensors"}) {
    fs::copy(fs::path(base_) / "checkpoints/latest" / file, base / file);
  }
  const std::vector<std::string> merge{"merge", base.string(), run("out").string(), "--adapter",
                                       (run() / "checkpoints/latest/adapter").string()};
  auto with_text = merge;
  with_text.insert(with_text.end(), {"--data", folder_.file("text.txt", "it was the age")});
  const auto result = run_slm(with_text);
  EXPECT_EQ(result.exit_code, kData) << result.error;
  EXPECT_TRUE(contains(result.error, "tokenizer")) << result.error;
  EXPECT_FALSE(fs::exists(run("out")));
  done(merge);
}

}  // namespace
}  // namespace slm
