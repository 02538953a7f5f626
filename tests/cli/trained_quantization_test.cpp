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

TEST_F(TrainedQuantization, ADistilledRunGoesOnInAnotherFolderWithItsParent) {
  const std::vector<std::string> keys{"quantization_mode=qat", "qat_start_step=6", "qat_distill_weight=0.5"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), keys.begin(), keys.end());
    return train(more);
  };
  ASSERT_EQ(with({}).exit_code, 0);
  for (const auto& row : metrics(run())) {
    if (row["type"] != "train" || row["step"] <= 6) continue;
    EXPECT_GT(row["qat"]["kl_divergence"].get<double>(), 0) << row;
  }
  // Twice in a row: the second folder has the first one's parent.
  auto from = run();
  for (const char* name : {"second", "third"}) {
    const auto result = with({to(name), "resume=" + (from / "checkpoints" / "step-000009").string(), "save_steps=1"});
    ASSERT_EQ(result.exit_code, 0) << result.error;
    EXPECT_EQ(state(run(name) / "checkpoints/latest"), state(run() / "checkpoints/latest")) << name;
    from = run(name);
    fs::copy(run() / "checkpoints/step-000009", from / "checkpoints/step-000009", fs::copy_options::recursive);
  }
  EXPECT_NE(with({to("other"), "resume=" + (run() / "checkpoints/step-000009").string(), "qat_distill_weight=0.25"})
                .error.find("qat_distill_weight: "),
            std::string::npos);
  fs::remove_all(run() / "float_parent");
  const auto orphan = with({"resume=" + (run() / "checkpoints/step-000009").string()});
  EXPECT_EQ(orphan.exit_code, kData);
  EXPECT_NE(orphan.error.find("float_parent is missing, the float model of step 6"), std::string::npos) << orphan.error;
  // Before QAT began there is no parent yet.
  EXPECT_EQ(with({"resume=" + (run() / "checkpoints/step-000006").string()}).exit_code, 0);
}

TEST_F(TrainedQuantization, ADamagedParentIsNamed) {
  const std::vector<std::string> keys{"quantization_mode=qat", "qat_start_step=6", "qat_distill_weight=1"};
  ASSERT_EQ(train(keys).exit_code, 0);
  const auto file = run() / "float_parent" / "model.safetensors";
  auto bytes = read_file(file);
  bytes[bytes.size() / 2] ^= 1;
  write_file_atomically(file, bytes);
  auto again = keys;
  again.push_back("resume=" + (run() / "checkpoints/step-000009").string());
  const auto result = train(again);
  EXPECT_EQ(result.exit_code, kData);
  EXPECT_NE(result.error.find("float_parent/model.safetensors: SHA-256 differs"), std::string::npos) << result.error;
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
  EXPECT_NE(
      error({"qat_distill_weight=0.5"}, kUsage).find("qat_distill_weight: has no effect with quantization_mode none"),
      std::string::npos);
  EXPECT_NE(error({"quantization_mode=qat", "qat_distill_weight=1.5"}, kUsage)
                .find("qat_distill_weight: found '1.5', expected a number, at least 0 and at most 1"),
            std::string::npos);
  EXPECT_NE(error({"quantization_mode=qat", "qat_distill_weight=0.5", "qat_start_step=0"}, kUsage)
                .find("qat_distill_weight: the parent would be the model at step 0"),
            std::string::npos);
  // From a trained model, too, ranges need a step that observes them.
  EXPECT_NE(error({"init_from=nowhere", "quantization_mode=qat", "qat_start_step=200", "qat_freeze_observer_step=90",
                   "max_steps=300"},
                  kUsage)
                .find("qat_freeze_observer_step: found 90, but activations are observed from step 100"),
            std::string::npos);
  EXPECT_NE(error({"quantization_mode=qat", "quantization_exclude=['*']"}, kUsage)
                .find("quantization_exclude: leaves none of the 15 linear layers to quantize"),
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

TEST_F(TrainedQuantization, LayersTellOfTrainedCodesToo) {
  ASSERT_EQ(train({to("parent"), "quantization_mode=ptq", "quantization_type=weight_only"}).exit_code, 0);
  const auto result = train({"init_from=" + (run("parent") / "quantized").string(), "enable_quantized_finetuning=true",
                             "learning_rate=3e-3", "layer_norms_steps=4", "freeze=['*.0.mlp.up_proj*']"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  int rows = 0;
  for (const auto& row : metrics(run())) {
    if (row["type"] != "layers") continue;
    ++rows;
    const auto& norms = row["layers"].at("model.layers.1.mlp.up_proj.weight");
    for (const char* key : {"weight", "gradient", "update"}) EXPECT_GT(norms[key].get<double>(), 0) << key;
    EXPECT_LT(norms["update"].get<double>(), norms["weight"].get<double>());
    EXPECT_FALSE(row["layers"].contains("model.layers.0.mlp.up_proj.weight"));
    EXPECT_TRUE(row["layers"].contains("model.norm.weight"));
  }
  EXPECT_EQ(rows, 3);
}

// The parent of a run that distils from its first step on, and what is asked of the checkpoint afterwards.
TEST_F(TrainedQuantization, ADistilledRunFromAModelPacksAndResumes) {
  ASSERT_EQ(train({to("parent")}).exit_code, 0);
  const std::vector<std::string> keys{"init_from=" + run("parent").string(), "quantization_mode=qat",
                                      "qat_start_step=0", "qat_distill_weight=1"};
  const auto result = train(keys);
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto again = run_slm({"quantize", run().string(), run("again").string()});
  ASSERT_EQ(again.exit_code, 0) << again.error;
  EXPECT_EQ(read_file(run("again") / "model.safetensors"), read_file(run() / "quantized/model.safetensors"));
  fs::copy(run(), run("resumed"), fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  fs::remove_all(run("parent"));
  auto more = keys;
  more.insert(more.end(), {to("resumed"), "resume=" + (run("resumed") / "checkpoints/step-000003").string()});
  const auto resumed = train(more);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.error;
  EXPECT_EQ(state(run("resumed") / "checkpoints/latest"), state(run() / "checkpoints/latest"));
}

TEST_F(TrainedQuantization, InspectShowsTheMastersBesideTheCodesThatTheyWouldBecome) {
  ASSERT_EQ(train({"quantization_mode=qat", "qat_start_step=4"}).exit_code, 0);
  const auto inspect = [&](const std::vector<std::string>& arguments) {
    auto all = arguments;
    all.insert(all.begin(), "inspect");
    return run_slm(all);
  };
  const auto latest = (run() / "checkpoints/latest").string();
  const auto text = inspect({latest});
  ASSERT_EQ(text.exit_code, 0) << text.error;
  EXPECT_NE(text.out.find("in training for int8 per_channel static"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("8 steps of it since step 4"), std::string::npos) << text.out;
  const auto json = nlohmann::json::parse(inspect({(run() / "checkpoints/best").string(), "--json"}).out);
  EXPECT_EQ(json["kind"], "in_training");
  // What the run itself found as it packed the same weights.
  const auto packed = inspect({(run() / "quantized").string(), "--json"});
  const auto theirs = nlohmann::json::parse(packed.out);
  ASSERT_EQ(theirs["layers"].size(), 15u);
  for (size_t i = 0; i < theirs["layers"].size(); ++i) {
    EXPECT_EQ(json["layers"][i]["sqnr_db"], theirs["layers"][i]["sqnr_db"]) << i;
  }
  const auto beside =
      inspect({(run() / "quantized").string(), "--parent", (run() / "checkpoints/best").string(), "--json"});
  ASSERT_EQ(beside.exit_code, 0) << beside.error;
  for (size_t i = 0; i < theirs["layers"].size(); ++i) {
    EXPECT_EQ(nlohmann::json::parse(beside.out)["layers"][i]["sqnr_db"], theirs["layers"][i]["sqnr_db"]) << i;
  }
  const auto layer = inspect({latest, "--layer", "0.mlp.up_proj"});
  EXPECT_NE(layer.out.find("SQNR"), std::string::npos) << layer.out;
  const auto refused = inspect({latest, "--as", "bits=4"});
  EXPECT_EQ(refused.exit_code, kUsage);
  EXPECT_NE(refused.error.find("is being trained for int8 per_channel static"), std::string::npos) << refused.error;
  // Until it begins the model is a float one.
  const auto before = nlohmann::json::parse(inspect({(run() / "checkpoints/step-000003").string(), "--json"}).out);
  EXPECT_EQ(before["kind"], "float");
}

// GPTQ first: learned scales begin as the folder has them, and the masters where the residual says, so that the codes
// are the folder's before the first update and yet free to move.
TEST_F(TrainedQuantization, GoesOnFromCodesAndTheirKeptResidual) {
  ASSERT_EQ(train({to("float")}).exit_code, 0);
  const std::vector<std::string> int4{"quantization_bits=4", "quantization_type=weight_only",
                                      "quantization_granularity=per_channel"};
  std::vector<std::string> arguments{"quantize", run("float").string(), run("parent").string(),
                                     "quantization_method=gptq", "quantization_residual_bits=8"};
  arguments.insert(arguments.end(), int4.begin(), int4.end());
  ASSERT_EQ(run_slm(arguments).exit_code, 0);
  auto keys = int4;
  keys.insert(keys.end(), {"init_from=" + run("parent").string(), "quantization_mode=qat", "qat_scale=learned",
                           "qat_start_step=0", "max_steps=1", "warmup_steps=1", "eval_steps=1", "save_steps=1"});
  const auto result = train(keys);  // a step of learning rate 0
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_NE(result.error.find("8 residual bits a weight are kept; the masters begin with them"), std::string::npos);

  const SafetensorsFile parent(run("parent") / "model.safetensors"), trained(run() / "quantized/model.safetensors");
  for (const auto& tensor : parent.tensors()) {
    const auto* same = trained.find(tensor.name);
    ASSERT_TRUE(same) << tensor.name;
    EXPECT_TRUE(std::ranges::equal(parent.data(tensor), trained.data(*same))) << tensor.name;
  }
  // The masters lie beside what the codes stand for: else nothing would be lost in rounding them, and this be infinite.
  const auto metadata = metadata_of(run() / "quantized");
  for (const auto& layer : metadata["layers"]) EXPECT_LT(layer["sqnr_db"].get<double>(), 40) << layer["name"];
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
