// Training that quantizes, from the outside: quantization-aware training, and the training of codes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "cli/train_command.h"
#include "formats/safetensors.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

class TrainedQuantization : public TrainCommand {
 protected:
  static double loss_of(const fs::path& checkpoint) {
    const auto result = run_slm({"evaluate", checkpoint.string(), "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return nlohmann::json::parse(result.out)["loss"].get<double>();
  }

  static nlohmann::json metadata_of(const fs::path& folder) {
    return nlohmann::json::parse(read_file(folder / "quantization_metadata.json"));
  }

  std::string error(const std::vector<std::string>& overrides, int exit_code) const {
    const auto result = train(overrides);
    EXPECT_EQ(result.exit_code, exit_code) << result.error;
    EXPECT_FALSE(fs::exists(run() / "checkpoints"));
    return result.error;
  }
};

TEST_F(TrainedQuantization, EndsInTheModelThatItTrained) {
  const auto result = train({"quantization_mode=qat", "qat_start_step=4"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  for (const char* row : {"float parent", "post-training (gptq)", "trained, fake-quantized", "trained, packed"}) {
    EXPECT_NE(result.out.find(row), std::string::npos) << row;
  }
  const auto checkpoint = run() / "checkpoints/best", quantized = run() / "quantized";
  const auto metadata = metadata_of(quantized);
  EXPECT_EQ(metadata["mode"], "qat");
  EXPECT_TRUE(metadata["qat"].is_null());
  EXPECT_EQ(metadata["layers"].size(), 15u);
  for (const auto& layer : metadata["layers"]) EXPECT_GT(layer["activation"]["scale"].get<double>(), 0);
  EXPECT_EQ(metadata_of(checkpoint)["qat"]["start_step"], 4);
  EXPECT_LE(std::abs(loss_of(quantized) - loss_of(checkpoint)), 1e-4);

  // The same codes again, from the checkpoint.
  const auto again = run_slm({"quantize", run().string(), run("again").string()});
  ASSERT_EQ(again.exit_code, 0) << again.error;
  EXPECT_EQ(read_file(run("again") / "model.safetensors"), read_file(quantized / "model.safetensors"));
  const auto other = run_slm({"quantize", run().string(), run("other").string(), "quantization_bits=4"});
  EXPECT_EQ(other.exit_code, kUsage);
  EXPECT_NE(other.error.find("quantization_bits: "), std::string::npos) << other.error;
  EXPECT_FALSE(fs::exists(run("other")));
}

TEST_F(TrainedQuantization, RowsTellWhatWasQuantizedFromTheFirstQuantizedStepOn) {
  ASSERT_EQ(train({"quantization_mode=qat", "qat_start_step=4", "quantization_bits=4"}).exit_code, 0);
  const auto weights = metadata_of(run() / "quantized")["coverage"]["quantized_parameters"];
  int rows = 0;
  for (const auto& row : metrics(run())) {
    if (row["type"] != "train") continue;
    ASSERT_EQ(row.contains("qat"), row["step"] > 4) << row;
    if (!row.contains("qat")) continue;
    ++rows;
    EXPECT_EQ(row["qat"]["weights"], weights);
    EXPECT_GT(row["qat"]["activations"], 0);
    EXPECT_LT(row["qat"]["code_flips"], 1);
    EXPECT_GE(row["qat"]["scale_drift"], 0);
  }
  EXPECT_EQ(rows, 8);
}

TEST_F(TrainedQuantization, AResumedRunEndsWithTheSameBitsAndTheSameRows) {
  const std::vector<std::string> keys{"quantization_mode=qat", "qat_start_step=6"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), keys.begin(), keys.end());
    return train(more);
  };
  ASSERT_EQ(with({}).exit_code, 0);
  for (const int step : {3, 6, 9}) {
    const auto name = "from " + std::to_string(step);
    fs::copy(run(), run(name), fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    fs::remove_all(run(name) / "quantized");
    const auto checkpoint = (run(name) / "checkpoints" / ("step-00000" + std::to_string(step))).string();
    const auto result = with({to(name), "resume=" + checkpoint});
    ASSERT_EQ(result.exit_code, 0) << result.error;
    EXPECT_EQ(state(run(name) / "checkpoints/latest"), state(run() / "checkpoints/latest")) << name;
    EXPECT_EQ(metrics(run(name)), metrics(run())) << name;
    EXPECT_EQ(read_file(run(name) / "quantized/model.safetensors"), read_file(run() / "quantized/model.safetensors"));
  }
}

TEST_F(TrainedQuantization, AnotherSchemeOrScheduleCannotGoOn) {
  ASSERT_EQ(train({"quantization_mode=qat", "qat_start_step=4", "max_steps=12"}).exit_code, 0);
  const auto checkpoint = (run() / "checkpoints/step-000009").string();
  const auto refusal = [&](const std::vector<std::string>& keys) {
    auto overrides = keys;
    overrides.insert(overrides.end(), {to("other"), "resume=" + checkpoint});
    const auto result = train(overrides);
    EXPECT_EQ(result.exit_code, kUsage) << result.error;
    return result.error;
  };
  EXPECT_NE(refusal({}).find("quantization_mode: found none"), std::string::npos);
  EXPECT_NE(refusal({"quantization_mode=qat", "qat_start_step=5"}).find("qat_start_step: "), std::string::npos);
  EXPECT_NE(refusal({"quantization_mode=qat", "qat_start_step=4", "quantization_bits=4"}).find("is trained for int8"),
            std::string::npos);
}

TEST_F(TrainedQuantization, WrongKeysAreErrorsBeforeAnythingStarts) {
  EXPECT_NE(error({"qat_start_step=3"}, kUsage).find("qat_start_step: has no effect with quantization_mode none"),
            std::string::npos);
  EXPECT_NE(
      error({"quantization_mode=qat", "qat_start_step=12"}, kUsage).find("qat_start_step: 12 in a run of 12 steps"),
      std::string::npos);
  EXPECT_NE(
      error({"quantization_mode=qat", "qat_start_step=200", "qat_freeze_observer_step=100", "max_steps=300"}, kUsage)
          .find("qat_freeze_observer_step: found 100, but activations are observed from step 100"),
      std::string::npos);
  EXPECT_NE(
      error({"quantization_mode=qat", "quantization_method=gptq"}, kUsage).find("quantization_method: has no effect"),
      std::string::npos);
  EXPECT_NE(error({"quantization_mode=qat", "quantization_exclude=nonsense"}, kUsage).find("matches no linear layer"),
            std::string::npos);
  EXPECT_NE(error({"enable_quantized_finetuning=true"}, kUsage).find("init_from: missing"), std::string::npos);
  EXPECT_NE(error({"quantization_residual_bits=4"}, kUsage).find("has no effect without enable_quantized_finetuning"),
            std::string::npos);
}

// The values of the codes are the masters: before the first update the model is the quantized one (where each group
// uses its outermost code, as with rtn).
TEST_F(TrainedQuantization, GoesOnFromAQuantizedModelOfTheSameScheme) {
  const std::vector<std::string> int4{"quantization_bits=4", "quantization_type=weight_only"};
  auto keys = int4;
  keys.insert(keys.end(), {to("parent"), "quantization_mode=ptq"});
  ASSERT_EQ(train(keys).exit_code, 0);
  const auto parent = run("parent") / "quantized";
  keys = int4;
  keys.insert(keys.end(), {"init_from=" + parent.string(), "quantization_mode=qat", "qat_start_step=0", "max_steps=1",
                           "warmup_steps=1", "eval_steps=1", "save_steps=1"});  // a step of learning rate 0
  const auto result = train(keys);
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_NEAR(loss_of(run() / "quantized"), loss_of(parent), 1e-5);
  const auto other = train({to("other"), "init_from=" + parent.string(), "quantization_mode=qat"});
  EXPECT_EQ(other.exit_code, kUsage);
  EXPECT_NE(other.error.find("init_from: "), std::string::npos) << other.error;
  EXPECT_NE(other.error.find("has int4 per_group 64"), std::string::npos) << other.error;
}

TEST_F(TrainedQuantization, CodesAreTrainedOn) {
  ASSERT_EQ(
      train({to("parent"), "quantization_mode=ptq", "quantization_bits=4", "quantization_type=weight_only"}).exit_code,
      0);
  const auto parent = run("parent") / "quantized";
  const auto result = train({"init_from=" + parent.string(), "enable_quantized_finetuning=true", "learning_rate=3e-3"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto checkpoint = run() / "checkpoints/latest";
  const auto metadata = metadata_of(checkpoint);
  EXPECT_EQ(metadata["finetuning"], nlohmann::json({{"updates", 12}, {"residual_bits", 4}, {"scale_policy", "fixed"}}));
  EXPECT_LT(loss_of(checkpoint), loss_of(parent));
  // The model's file holds codes and no float weight of any linear layer; the residuals are the optimizer's.
  const SafetensorsFile model(checkpoint / "model.safetensors"), optimizer(checkpoint / "optimizer.safetensors");
  EXPECT_TRUE(model.find("model.layers.0.mlp.up_proj.weight_packed"));
  EXPECT_FALSE(model.find("model.layers.0.mlp.up_proj.weight"));
  EXPECT_TRUE(optimizer.find("residual.model.layers.0.mlp.up_proj.weight"));
  EXPECT_NE(read_file(checkpoint / "model.safetensors"), read_file(parent / "model.safetensors"));
  // And on from there: it is a quantized checkpoint like any other.
  const auto more = train({to("more"), "init_from=" + checkpoint.string(), "enable_quantized_finetuning=true"});
  EXPECT_EQ(more.exit_code, 0) << more.error;
  const auto inspected = run_slm({"inspect", checkpoint.string()});
  EXPECT_EQ(inspected.exit_code, 0) << inspected.error;
}

// What slm quantize keeps changes nothing for inference, and is what training begins with.
TEST_F(TrainedQuantization, AKeptResidualIsWhereTrainingOfTheCodesBegins) {
  ASSERT_EQ(train({to("float")}).exit_code, 0);
  const std::vector<std::string> scheme{"quantization_bits=4", "quantization_method=gptq", "quantization_smooth=0.5",
                                        "quantization_calibration_batches=2"};
  const auto quantize = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"quantize", run("float").string(), run(out).string()};
    for (const auto& keys : {scheme, more}) arguments.insert(arguments.end(), keys.begin(), keys.end());
    const auto result = run_slm(arguments);
    ASSERT_EQ(result.exit_code, 0) << result.error;
  };
  quantize("plain", {});
  quantize("kept", {"quantization_residual_bits=4"});
  EXPECT_EQ(read_file(run("kept") / "model.safetensors"), read_file(run("plain") / "model.safetensors"));
  EXPECT_FALSE(fs::exists(run("plain") / "residual.safetensors"));
  EXPECT_EQ(metadata_of(run("kept"))["residual"], nlohmann::json({{"bits", 4}, {"file", "residual.safetensors"}}));
  const auto manifest = nlohmann::json::parse(read_file(run("kept") / "manifest.json"));
  EXPECT_TRUE(manifest["files"].contains("residual.safetensors"));
  EXPECT_EQ(run_slm({"verify", run("kept").string()}).exit_code, 0);

  // A step of learning rate 0 leaves every number as it was.
  const auto begin = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> keys{to(out), "init_from=" + run("kept").string(), "enable_quantized_finetuning=true",
                                  "max_steps=1", "warmup_steps=1"};
    keys.insert(keys.end(), more.begin(), more.end());
    const auto result = train(keys);
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return result.error;
  };
  EXPECT_NE(begin("as it is", {})
                .find("4 residual bits a weight are kept; with quantization_residual_bits 4 they are "
                      "taken as they are"),
            std::string::npos);
  const SafetensorsFile kept(run("kept") / "residual.safetensors"),
      optimizer(run("as it is") / "checkpoints/latest/optimizer.safetensors");
  EXPECT_EQ(kept.tensors().size(), 15u);
  for (const auto& tensor : kept.tensors()) {
    const auto* same = optimizer.find(tensor.name);
    ASSERT_TRUE(same) << tensor.name;
    EXPECT_TRUE(std::ranges::equal(kept.data(tensor), optimizer.data(*same))) << tensor.name;
  }
  EXPECT_FALSE(metadata_of(run("as it is") / "checkpoints/latest").contains("residual"));
  EXPECT_NE(begin("wide", {"quantization_residual_bits=8"}).find("they are widened"), std::string::npos);
  EXPECT_NE(begin("narrow", {"quantization_residual_bits=2"}).find("they are rounded"), std::string::npos);
  EXPECT_NE(begin("none", {"quantization_residual_bits=0"}).find("they are left out"), std::string::npos);
}

TEST_F(TrainedQuantization, ARunThatEndsInPtqKeepsAResidualToo) {
  ASSERT_EQ(train({"quantization_mode=ptq", "quantization_type=weight_only", "quantization_residual_bits=8"}).exit_code,
            0);
  const SafetensorsFile kept(run() / "quantized/residual.safetensors");
  EXPECT_EQ(kept.find("residual.lm_head.weight")->dtype, DType::kI16);
  const auto inspected = run_slm({"inspect", run().string(), "--as", "residual_bits=4"});
  EXPECT_EQ(inspected.exit_code, kUsage);
  EXPECT_NE(inspected.error.find("--as: residual_bits: has no effect here"), std::string::npos) << inspected.error;
}

TEST_F(TrainedQuantization, RoundedToNearestTheCodesStandStill) {
  ASSERT_EQ(train({to("parent"), "quantization_mode=ptq", "quantization_type=weight_only"}).exit_code, 0);
  const auto parent = run("parent") / "quantized";
  const auto codes = [&](const std::string& rounding) {
    const auto result = train({to(rounding), "init_from=" + parent.string(), "enable_quantized_finetuning=true",
                               "learning_rate=1e-6", "quantization_rounding=" + rounding});
    EXPECT_EQ(result.exit_code, 0) << result.error;
    const SafetensorsFile model(run(rounding) / "checkpoints/latest/model.safetensors");
    const auto bytes = model.data(*model.find("model.layers.0.mlp.up_proj.weight"));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  };
  const SafetensorsFile model(parent / "model.safetensors");
  const auto before = model.data(*model.find("model.layers.0.mlp.up_proj.weight"));
  EXPECT_TRUE(std::ranges::equal(codes("nearest"), before));
  EXPECT_FALSE(std::ranges::equal(codes("stochastic"), before));
  EXPECT_EQ(metadata_of(run("nearest") / "checkpoints/latest")["finetuning"]["rounding"], "nearest");
  EXPECT_FALSE(metadata_of(run("stochastic") / "checkpoints/latest")["finetuning"].contains("rounding"));
  EXPECT_NE(error({"quantization_rounding=nearest"}, kUsage).find("quantization_rounding: has no effect without"),
            std::string::npos);
}

TEST_F(TrainedQuantization, AFloatModelHasNoCodesToTrain) {
  ASSERT_EQ(train({to("parent")}).exit_code, 0);
  const auto message = error({"init_from=" + run("parent").string(), "enable_quantized_finetuning=true"}, kData);
  EXPECT_NE(message.find("holds a float model, which has no codes to train"), std::string::npos) << message;
}

}  // namespace
}  // namespace slm
