// Folders of adapters, as peft writes and reads them.
#include "checkpoint/adapter_folder.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "checkpoint/model_folder.h"
#include "core/error_of.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "model/adapter_targets.h"
#include "model/golden.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

class AdapterFolder : public testing::Test {
 protected:
  TransformerConfig config_ = read_model_config(golden_path("models/llama_tiny"));
  TemporaryFolder folder_;

  // A copy of peft's folder whose config or tensors are changed.
  std::string error_after(const std::function<void(nlohmann::json&, StateDict&)>& change) const {
    const auto source = golden_path("adapters/llama_tiny");
    auto json = nlohmann::json::parse(read_file(source / kAdapterConfigFile));
    const SafetensorsFile file(source / kAdapterTensorsFile);
    StateDict tensors;
    for (const auto& info : file.tensors()) tensors.push_back({info.name, load_tensor(file, info)});
    change(json, tensors);
    write_file_atomically(folder_ / kAdapterConfigFile, json.dump());
    save_tensors(folder_ / kAdapterTensorsFile, tensors);
    const auto error = error_of([&] { read_adapter(folder_.path(), config_); });
    if (!error) return "no error";
    EXPECT_EQ(error->code(), ExitCode::kData);
    return error->what();
  }

  std::string error_of_config(const std::string& key, const nlohmann::json& value) const {
    auto message = error_after([&](auto& json, auto&) { json[key] = value; });
    const auto prefix = (folder_ / kAdapterConfigFile).string() + ": ";
    return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
  }
};

TEST_F(AdapterFolder, WhatIsWrittenIsReadAgainBitForBit) {
  const auto layers = layers_to_adapt(config_, {"*.k_proj", "model.layers.1.mlp.*"});
  std::vector<AdapterWeights> weights;
  for (const auto& layer : layers) {
    const bool is_down = layer.ends_with("down_proj"), is_key = layer.ends_with("k_proj");
    weights.push_back({layer, 2.5, at::randn({4, is_down ? 104 : 48}),
                       at::randn({is_key    ? 24
                                  : is_down ? 48
                                            : 104,
                                  4})});
  }
  write_adapter(folder_ / "adapter", config_, {.base = "runs/a", .rank = 4, .alpha = 10, .dropout = 0.05}, weights);
  const auto again = read_adapter(folder_ / "adapter", config_);
  ASSERT_EQ(again.size(), weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_EQ(again[i].layer, weights[i].layer);
    EXPECT_EQ(again[i].scale, 2.5);
    EXPECT_TRUE(at::equal(again[i].a, weights[i].a));
    EXPECT_TRUE(at::equal(again[i].b, weights[i].b));
  }
  const auto json = nlohmann::json::parse(read_file(folder_ / "adapter" / kAdapterConfigFile));
  EXPECT_EQ(json["peft_type"], "LORA");
  EXPECT_EQ(json["task_type"], "CAUSAL_LM");
  EXPECT_EQ(json["r"], 4);
  EXPECT_EQ(json["lora_alpha"], 10);
  EXPECT_EQ(json["lora_dropout"], 0.05);
  EXPECT_EQ(json["base_model_name_or_path"], "runs/a");
  EXPECT_EQ(json["target_modules"], nlohmann::json(layers));
  EXPECT_EQ(json["fan_in_fan_out"], false);
  EXPECT_TRUE(SafetensorsFile(folder_ / "adapter" / kAdapterTensorsFile)
                  .find("base_model.model.model.layers.1.mlp.up_proj.lora_B.weight"));
}

TEST_F(AdapterFolder, OfGpt2HasTheModulesOfItsClass) {
  const auto config = read_model_config(golden_path("models/gpt2_tiny"));
  write_adapter(folder_ / "adapter", config, {.base = "b", .rank = 2, .alpha = 2},
                {{"model.layers.0.mlp.up_proj", 1, at::randn({2, 48}), at::randn({192, 2})}});
  const auto json = nlohmann::json::parse(read_file(folder_ / "adapter" / kAdapterConfigFile));
  EXPECT_EQ(json["target_modules"], nlohmann::json({"transformer.h.0.mlp.c_fc"}));
  EXPECT_EQ(json["fan_in_fan_out"], true);
  EXPECT_EQ(read_adapter(folder_ / "adapter", config)[0].layer, "model.layers.0.mlp.up_proj");
}

TEST_F(AdapterFolder, RefusesByNameWhatComputesSomethingElse) {
  EXPECT_EQ(error_after([](auto&, auto&) {}), "no error");
  EXPECT_EQ(error_of_config("peft_type", "IA3"), "peft_type: found \"IA3\", expected \"LORA\"");
  EXPECT_EQ(error_of_config("use_dora", true), "use_dora: found true, which slm does not do");
  EXPECT_EQ(error_of_config("bias", "all"), "bias: found \"all\", which slm does not do");
  EXPECT_EQ(error_of_config("modules_to_save", {"lm_head"}),
            "modules_to_save: found [\"lm_head\"], which slm does not do");
  EXPECT_EQ(error_of_config("rank_pattern", {{"q_proj", 4}}),
            "rank_pattern: found {\"q_proj\":4}, which slm does not do");
  EXPECT_EQ(error_of_config("a_variant_of_next_year", 1), "a_variant_of_next_year: found 1, which slm does not do");
  EXPECT_EQ(error_of_config("init_lora_weights", "pissa"),
            "init_lora_weights: found \"pissa\", which changes the model below the adapter");
  EXPECT_EQ(error_of_config("r", 0), "r: found 0, expected a number above 0");
  EXPECT_EQ(error_of_config("r", 2.5), "r: found 2.5, expected a whole number up to 1048576");
  EXPECT_EQ(error_of_config("r", 1e300), "r: found 1e+300, expected a whole number up to 1048576");
  EXPECT_EQ(error_of_config("use_rslora", 1), "use_rslora: found 1, expected true or false");
  EXPECT_EQ(error_of_config("lora_alpha", nullptr), "lora_alpha: found null, expected a number above 0");
  EXPECT_EQ(error_of_config("init_lora_weights", "gaussian"), "no error");
}

TEST_F(AdapterFolder, RefusesTensorsThatTheModelCannotHave) {
  const auto file = (folder_ / kAdapterTensorsFile).string() + ": ";
  const std::string q = "base_model.model.model.layers.0.self_attn.q_proj.";
  EXPECT_EQ(error_after([&](auto&, auto& tensors) {
              std::erase_if(tensors, [&](const auto& t) { return t.name == q + "lora_B.weight"; });
            }),
            file + q + "lora_B.weight: missing");
  EXPECT_EQ(error_after([&](auto& json, auto&) { json["r"] = 3; }),
            file + q + "lora_A.weight: shape [2, 48], but the layer and r of adapter_config.json ask for [3, 48]");
  const auto unknown = error_after([&](auto&, auto& tensors) {
    tensors.push_back({"base_model.model.lm_head.lora_A.weight", at::zeros({2, 48})});
  });
  EXPECT_TRUE(unknown.starts_with(file + "base_model.model.lm_head.lora_A.weight: the model (llama: 2 layers x 48"))
      << unknown;
  EXPECT_EQ(error_after([](auto&, auto& tensors) { tensors.clear(); }), file + "holds no adapter");
  EXPECT_EQ(message_of([&] { read_adapter(folder_ / "none", config_); }),
            (folder_ / "none").string() +
                ": no adapter_config.json; expected a folder that peft saved, or the folder adapter of a checkpoint");
}

TEST(AdapterTargets, AreTheLinearLayersOfTheBlocks) {
  const auto config = read_model_config(golden_path("models/llama_tiny"));
  EXPECT_EQ(layers_to_adapt(config, {"*_proj"}).size(), 14u);
  EXPECT_EQ(layers_to_adapt(config, {"*.q_proj", "*.1.self_attn.q_proj"}).size(), 2u);
  const auto error = [&](const std::vector<std::string>& globs) {
    return message_of([&] { layers_to_adapt(config, globs); });
  };
  EXPECT_EQ(error({"*_proj", "q_pro"}),
            "lora_targets: 'q_pro' matches no linear layer of the blocks; did you mean *.q_proj?");
  EXPECT_EQ(
      error({"zzz"}),
      "lora_targets: 'zzz' matches no linear layer of the blocks; the first is model.layers.0.self_attn.q_proj, the "
      "last model.layers.1.mlp.down_proj");
  EXPECT_EQ(error({"lm_head"}),
            "lora_targets: 'lm_head' matches the head alone; adapters lie over the layers of the blocks");
  EXPECT_EQ(error({}), "lora_targets: [] leaves no layer to adapt");
}

TEST(AdapterTargets, RefuseTheLayersThatGpt2HasInOneModule) {
  const auto config = read_model_config(golden_path("models/gpt2_tiny"));
  EXPECT_EQ(
      message_of([&] { layers_to_adapt(config, {"*_proj"}); }),
      "lora_targets: model.layers.0.self_attn.q_proj lies in transformer.h.0.attn.c_attn of the Hugging Face class, "
      "of which peft's format has one adapter for q, k and v together; expected other layers, as in ['*.o_proj', "
      "'*.up_proj', '*.down_proj']");
  EXPECT_EQ(layers_to_adapt(config, {"*.o_proj", "*.up_proj", "*.down_proj"}).size(), 6u);
}

}  // namespace
}  // namespace slm
