#include "checkpoint/quantized_folder.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/quantized_layer.h"
#include "core/error_of.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "formats/manifest.h"
#include "quantization/metadata_json.h"
#include "quantization/quantized_golden.h"

namespace slm {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using enum QuantizationType;
using enum Granularity;

constexpr const char* kTensors = "model.safetensors";
const std::vector<std::string> kGoldens{"llama_tiny", "llama_tied", "gpt2_tiny", "qwen2_tiny", "qwen3_tiny"};
// Groups of 32 and of 13 are not full in every layer of the goldens; rows of 13 codes have padding at 4 bits.
const std::vector<Scheme> kSchemes{{8, kStatic, kPerTensor, 0},      {8, kDynamic, kPerChannel, 0},
                                   {8, kWeightOnly, kPerGroup, 32},  {4, kStatic, kPerGroup, 13},
                                   {4, kWeightOnly, kPerChannel, 0}, {4, kDynamic, kPerTensor, 0}};
const Scheme kInt8{8, kWeightOnly, kPerChannel, 0}, kStaticInt8{8, kStatic, kPerChannel, 0},
    kInt4{4, kWeightOnly, kPerGroup, 8};

void write(const fs::path& folder, const QuantizedGolden& golden) {
  write_quantized_folder(folder, *golden.loaded.model, golden.metadata, nullptr);
}

std::map<std::string, std::shared_ptr<PackedLinear>> packed_layers(Transformer& model) {
  std::map<std::string, std::shared_ptr<PackedLinear>> layers;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    if (auto packed = std::dynamic_pointer_cast<PackedLinear>(layer)) layers[name] = packed;
  });
  return layers;
}

Json read_json(const fs::path& path) { return Json::parse(read_file(path)); }

TEST(QuantizedFolder, EveryLayerOfEveryShapeAndSchemeLoadsToTheSameBits) {
  const c10::NoGradGuard no_grad;
  for (const auto& name : kGoldens) {
    for (const auto& scheme : kSchemes) {
      const TemporaryFolder folder;
      const auto golden = quantize_golden(name, scheme);
      write(folder.path(), golden);
      const auto loaded = read_model_folder(folder.path());
      const auto before = packed_layers(*golden.loaded.model), after = packed_layers(*loaded.model);
      ASSERT_TRUE(loaded.quantization);
      ASSERT_EQ(after.size(), golden.metadata.layers.size());
      for (const auto& [layer_name, layer] : before) {
        const auto& again = *after.at(layer_name);
        EXPECT_EQ(again.scheme(), scheme);
        EXPECT_EQ(again.activation(), layer->activation());
        EXPECT_TRUE(at::equal(again.weight().codes, layer->weight().codes)) << name << " " << layer_name;
        EXPECT_TRUE(at::equal(again.scales(), layer->scales())) << name << " " << layer_name;
      }
      EXPECT_TRUE(at::equal(loaded.model->logits(golden.ids), golden.loaded.model->logits(golden.ids)))
          << name << " " << describe(scheme);
    }
  }
}

TEST(QuantizedFolder, SavedAgainAtAnyNumberOfThreadsHasTheSameBytes) {
  for (const auto& name : kGoldens) {
    for (const auto& scheme : kSchemes) {
      const TemporaryFolder first, second;
      at::set_num_threads(1);
      write(first.path(), quantize_golden(name, scheme));
      at::set_num_threads(3);
      const auto loaded = read_model_folder(first.path());
      write_quantized_folder(second.path(), *loaded.model, *loaded.quantization, nullptr);
      at::set_num_threads(1);
      for (const char* file : {kTensors, kQuantizationMetadataFile, "config.json", "generation_config.json"}) {
        EXPECT_EQ(read_file(first / file), read_file(second / file)) << name << " " << describe(scheme) << " " << file;
      }
    }
  }
}

TEST(QuantizedFolder, ATiedHeadGetsItsOwnCodesAndTheEmbeddingStaysAsItWas) {
  const TemporaryFolder folder;
  write(folder.path(), quantize_golden("llama_tied", kInt8));
  EXPECT_EQ(read_json(folder / "config.json")["tie_word_embeddings"], false);
  const SafetensorsFile file(folder / kTensors), parent(golden_path("models/llama_tied/model.safetensors"));
  EXPECT_TRUE(at::equal(load_tensor(file, *file.find("model.embed_tokens.weight")),
                        load_tensor(parent, *parent.find("model.embed_tokens.weight"))));
  EXPECT_EQ(file.find("lm_head.weight")->dtype, DType::kI8);
  EXPECT_FALSE(read_model_folder(folder.path()).model->config().tie_embeddings);
}

TEST(QuantizedFolder, ATiedHeadThatStaysFloatStaysTied) {
  const TemporaryFolder folder;
  write(folder.path(), quantize_golden("llama_tied", kInt8, {"lm_head"}));
  EXPECT_EQ(read_json(folder / "config.json")["tie_word_embeddings"], true);
  const SafetensorsFile file(folder / kTensors);
  EXPECT_EQ(file.find("lm_head.weight"), nullptr);
  EXPECT_TRUE(read_model_folder(folder.path()).model->config().tie_embeddings);
}

TEST(QuantizedFolder, BesideADenseLayerTheOthersOfItsInputAreQuantized) {
  const c10::NoGradGuard no_grad;
  const TemporaryFolder folder;
  const auto golden = quantize_golden("qwen2_tiny", kInt8, {"model.layers.0.self_attn.k_proj", "lm_head"});
  write(folder.path(), golden);
  const auto loaded = read_model_folder(folder.path());
  EXPECT_TRUE(at::equal(loaded.model->logits(golden.ids), golden.loaded.model->logits(golden.ids)));
}

// --- config.json ---

TEST(QuantizationConfigJson, IsThatOfCompressedTensors) {
  struct Case {
    Scheme scheme;
    Json expected;  // format, weights, input_activations
  };
  const Json weights{{"num_bits", 8}, {"type", "int"}, {"symmetric", true}, {"dynamic", false}};
  const auto with = [](Json json, const Json& more) {
    json.update(more);
    return json;
  };
  const std::vector<Case> cases{
      {{8, kWeightOnly, kPerTensor, 0}, {"int-quantized", with(weights, {{"strategy", "tensor"}}), nullptr}},
      {{4, kWeightOnly, kPerGroup, 8},
       {"pack-quantized", with(weights, {{"num_bits", 4}, {"strategy", "group"}, {"group_size", 8}}), nullptr}},
      {{8, kDynamic, kPerChannel, 0},
       {"int-quantized",
        with(weights, {{"strategy", "channel"}}),
        {{"num_bits", 8}, {"type", "int"}, {"symmetric", true}, {"dynamic", true}, {"strategy", "token"}}}},
      {{8, kStatic, kPerChannel, 0},
       {"int-quantized",
        with(weights, {{"strategy", "channel"}}),
        {{"num_bits", 8}, {"type", "int"}, {"symmetric", false}, {"dynamic", false}, {"strategy", "tensor"}}}}};
  for (const auto& each : cases) {
    const TemporaryFolder folder;
    write(folder.path(), quantize_golden("qwen3_tiny", each.scheme, {"lm_head"}));
    const auto config = read_json(folder / "config.json");
    const auto& written = config.at("quantization_config");
    EXPECT_EQ(config["model_type"], "qwen3");
    EXPECT_EQ(written["quant_method"], "compressed-tensors");
    EXPECT_EQ(written["ignore"], Json::array({"lm_head"}));
    const auto& group = written["config_groups"]["group_0"];
    EXPECT_EQ(group["targets"], Json::array({"Linear"}));
    EXPECT_EQ(Json::array({written["format"], group["weights"], group["input_activations"]}), each.expected);
  }
}

TEST(QuantizationConfigJson, WhatNobodyElseCanLoadIsWrittenSoThatNobodyElseLoadsIt) {
  for (const auto& [name, scheme] : std::vector<std::pair<std::string, Scheme>>{
           {"gpt2_tiny", kInt8}, {"llama_tiny", {4, kWeightOnly, kPerGroup, 32}}}) {
    const TemporaryFolder folder;
    write(folder.path(), quantize_golden(name, scheme));
    const auto config = read_json(folder / "config.json");
    EXPECT_FALSE(config.contains("quantization_config")) << name;
    EXPECT_EQ(config["model_type"], "slm") << name;
    EXPECT_EQ(SafetensorsFile(folder / kTensors).find("transformer.wte.weight"), nullptr);
  }
}

TEST(QuantizationConfigJson, ThatSaysSomethingElseThanTheMetadataIsRefused) {
  const TemporaryFolder folder;
  write(folder.path(), quantize_golden("qwen3_tiny", kInt8));
  auto config = read_json(folder / "config.json");
  config["quantization_config"]["config_groups"]["group_0"]["weights"]["num_bits"] = 4;
  write_file_atomically(folder / "config.json", config.dump());
  const auto message = message_of([&] { read_model_folder(folder.path()); });
  EXPECT_NE(message.find("config.json: quantization_config: found 4 at '/config_groups/group_0/weights/num_bits', but "
                         "by quantization_metadata.json expected 8"),
            std::string::npos)
      << message;
}

// --- contradictions ---

// A quantized folder whose metadata, config and tensors a test may spoil.
class SpoiledFolder {
 public:
  explicit SpoiledFolder(const Scheme& scheme, const std::string& golden = "llama_tiny") {
    write(folder_.path(), quantize_golden(golden, scheme, {"model.layers.1.mlp.up_proj"}));
    metadata = read_json(folder_ / kQuantizationMetadataFile);
    config = read_json(folder_ / "config.json");
    const SafetensorsFile file(folder_ / kTensors);
    for (const auto& info : file.tensors()) tensors[info.name] = load_tensor(file, info);
  }

  // The message of loading it, without the folder's path; "no error" where it loads.
  std::string refusal() {
    write_file_atomically(folder_ / kQuantizationMetadataFile, metadata.dump());
    write_file_atomically(folder_ / "config.json", config.dump());
    StateDict state;
    for (const auto& [name, tensor] : tensors) state.push_back({name, tensor});
    save_tensors(folder_ / kTensors, state);
    const auto error = error_of([&] { read_model_folder(folder_.path()); });
    if (!error) return "no error";
    EXPECT_EQ(error->code(), ExitCode::kData);
    const std::string message = error->what(), prefix = folder_.path().string() + "/";
    EXPECT_TRUE(message.starts_with(prefix)) << message;
    return message.substr(std::min(message.size(), prefix.size()));
  }

  Json& layer(const std::string& name) {
    for (auto& each : metadata["layers"]) {
      if (each["name"] == name) return each;
    }
    throw std::runtime_error("no layer " + name);
  }

  Json metadata, config;
  std::map<std::string, at::Tensor> tensors;

 private:
  TemporaryFolder folder_;
};

struct Contradiction {
  Scheme scheme;
  std::function<void(SpoiledFolder&)> spoil;
  std::string message;  // how the message begins, after the folder's path
};

void expect_refusals(const std::vector<Contradiction>& contradictions) {
  for (const auto& each : contradictions) {
    SpoiledFolder folder(each.scheme);
    each.spoil(folder);
    const auto refusal = folder.refusal();
    EXPECT_TRUE(refusal.starts_with(each.message)) << "found    " << refusal << "\nexpected " << each.message;
  }
}

const std::string kLayer = "model.layers.0.mlp.down_proj";  // (48, 104)
const std::string kIn = std::string(kTensors) + ": " + kLayer;
const std::string kMetadata = std::string(kQuantizationMetadataFile) + ": ";

TEST(QuantizedFolderContradictions, UnspoiledItLoads) {
  for (const auto& scheme : {kInt8, kStaticInt8, kInt4}) EXPECT_EQ(SpoiledFolder(scheme).refusal(), "no error");
}

TEST(QuantizedFolderContradictions, ScalesOfAnotherNumberOrValueAreRefused) {
  const auto set_scale = [](double value) {
    return [value](SpoiledFolder& f) { f.tensors[kLayer + ".weight_scale"][7][0] = value; };
  };
  const auto expected = [](const std::string& value) {
    return kIn + ".weight_scale: the scale of row 7, group 0 is " + value + "; expected a finite one above 0";
  };
  expect_refusals({
      {kInt8,
       [](auto& f) {
         f.tensors[kLayer + ".weight_scale"] = at::ones({47, 1});
       },
       kIn + ".weight_scale: found F32 [47, 1], but quantization_metadata.json asks for F32 [48, 1]"},
      {kInt8, [](auto& f) { f.tensors[kLayer + ".weight_scale"] = at::ones({1}); },
       kIn + ".weight_scale: found F32 [1], but quantization_metadata.json asks for F32 [48, 1]"},
      {kInt4,
       [](auto& f) {
         f.tensors[kLayer + ".weight_scale"] = at::ones({48, 12});
       },
       kIn + ".weight_scale: found F32 [48, 12], but quantization_metadata.json asks for F32 [48, 13]"},
      {kInt8,
       [](auto& f) {
         f.tensors[kLayer + ".weight_scale"] = at::ones({48, 1}, at::kBFloat16);
       },
       kIn + ".weight_scale: found BF16 [48, 1], but quantization_metadata.json asks for F32 [48, 1]"},
      {kInt8, [](auto& f) { f.tensors.erase(kLayer + ".weight_scale"); },
       kIn + ".weight_scale: missing, but quantization_metadata.json lists the layer as int8 per_channel weight_only"},
      {kInt8, set_scale(0), expected("0")},
      {kInt8, set_scale(-0.5), expected("-0.5")},
      {kInt8, set_scale(std::numeric_limits<double>::quiet_NaN()), expected("nan")},
      {kInt4, set_scale(std::numeric_limits<double>::infinity()), expected("inf")},
      {kInt8, [](auto& f) { f.layer(kLayer)["granularity"] = "per_tensor"; },
       kIn + ".weight_scale: found F32 [48, 1], but quantization_metadata.json asks for F32 [1]"},
      {kInt4, [](auto& f) { f.layer(kLayer)["group_size"] = 16; },
       kIn + ".weight_scale: found F32 [48, 13], but quantization_metadata.json asks for F32 [48, 7]"},
  });
}

TEST(QuantizedFolderContradictions, CodesThatTheBitsDoNotAllowAreRefused) {
  const auto set_word = [](int32_t word) {
    return [word](SpoiledFolder& f) { f.tensors[kLayer + ".weight_packed"][3][1] = word; };
  };
  expect_refusals({
      {kInt8, [](auto& f) { f.tensors[kLayer + ".weight"][3][5] = -128; },
       kIn + ".weight: the code at row 3, column 5 is -128; expected -127 to 127"},
      {kInt4, set_word(0x18888088), kIn + ".weight_packed: the code at row 3, column 10 is -8; expected -7 to 7"},
      {kInt8,
       [](auto& f) {
         f.tensors[kLayer + ".weight"] = at::zeros({48, 104});
       },
       kIn + ".weight: found F32 [48, 104], but quantization_metadata.json asks for I8 [48, 104]"},
      {kInt8,
       [](auto& f) {
         f.tensors[kLayer + ".weight"] = at::zeros({104, 48}, at::kChar);
       },
       kIn + ".weight: found I8 [104, 48], but quantization_metadata.json asks for I8 [48, 104]"},
      {kInt4,
       [](auto& f) {
         f.tensors[kLayer + ".weight_packed"] = at::zeros({48, 14}, at::kInt);
       },
       kIn + ".weight_packed: found I32 [48, 14], but quantization_metadata.json asks for I32 [48, 13]"},
      {kInt4, [](auto& f) { f.tensors[kLayer + ".weight_shape"][1] = 103; },
       kIn + ".weight_shape: found [48, 103], but quantization_metadata.json says [48, 104]"},
      {kInt4, [](auto& f) { f.tensors.erase(kLayer + ".weight_shape"); }, kIn + ".weight_shape: missing"},
  });
}

// The goldens' rows have whole words; here is one of 13 inputs.
TEST(QuantizedFolderContradictions, PaddingThatIsNotZeroIsRefused) {
  const TemporaryFolder folder;
  const QuantizedLayerInfo info{
      .name = "odd", .out_features = 2, .in_features = 13, .scheme = {4, kWeightOnly, kPerChannel, 0}};
  const auto codes = at::full({2, 13}, 3, at::kChar);
  const PackedLinear layer({info.scheme, codes, at::ones({2, 1})}, {}, std::nullopt);
  auto tensors = quantized_tensors(info, layer);
  const auto read = [&] {
    save_tensors(folder / kTensors, tensors);
    std::set<std::string> known;
    return read_quantized_layer(ParameterFiles(folder.path()), info, {}, at::kCPU, known)->weight().codes;
  };
  EXPECT_TRUE(at::equal(read(), codes));
  tensors[0].tensor[1][1] += 1 << 20;  // the sixth nibble of the second word: column 13
  EXPECT_EQ(message_of(read), (folder / kTensors).string() + ": odd.weight_packed: the padding of row 1 is not 0");
}

TEST(QuantizedFolderContradictions, ActivationsThatTheTensorsContradictAreRefused) {
  expect_refusals({
      {kStaticInt8, [](auto& f) { f.tensors[kLayer + ".input_scale"][0] = 0.25f; },
       kIn + ".input_scale: found 0.25, but quantization_metadata.json says "},
      {kStaticInt8, [](auto& f) { f.tensors[kLayer + ".input_zero_point"][0] = -128; },
       kIn + ".input_zero_point: found -128, but quantization_metadata.json says "},
      {kStaticInt8, [](auto& f) { f.tensors[kLayer + ".input_zero_point"] = at::zeros({1}, at::kByte); },
       kIn + ".input_zero_point: found U8 [1], but quantization_metadata.json asks for I8 [1]"},
      {kStaticInt8, [](auto& f) { f.tensors.erase(kLayer + ".input_scale"); }, kIn + ".input_scale: missing"},
      {kStaticInt8, [](auto& f) { f.layer(kLayer)["activation"]["zero_point"] = 300; },
       kMetadata + "layers[6]: activation: zero_point is 300; expected 0 to 255"},
      {kInt8, [](auto& f) { f.tensors[kLayer + ".input_scale"] = at::ones({1}); },
       kIn + ".input_scale: the model that config.json and quantization_metadata.json describe has no such tensor"},
  });
}

TEST(QuantizedFolderContradictions, LayersThatAreNotThereOrTwiceAreRefused) {
  const auto without = [](const char* list, const std::string& name) {
    return [list, name](SpoiledFolder& f) {
      auto& entries = f.metadata[list];
      for (size_t i = 0; i < entries.size(); ++i) {
        if (entries[i]["name"] == name) return entries.erase(i);
      }
      throw std::runtime_error("no entry " + name);
    };
  };
  const std::string bits = kMetadata + "layers[6]: codes is \"" + kLayer + ".weight\"; expected \"" + kLayer;
  expect_refusals({
      {kInt8, without("layers", kLayer),
       kMetadata + "the linear layer " + kLayer + " is neither in layers nor in left_float"},
      {kInt8, without("left_float", "model.layers.1.mlp.up_proj"),
       kMetadata + "the linear layer model.layers.1.mlp.up_proj is neither in layers nor in left_float"},
      {kInt8,
       [](auto& f) {
         auto stray = f.layer(kLayer);
         for (const char* key : {"name", "codes", "scales"}) {
           stray[key] = "model.layers.7" + stray[key].template get<std::string>().substr(14);
         }
         f.metadata["layers"].push_back(stray);
       },
       kMetadata + "layers: the model that config.json describes has no linear layer model.layers.7.mlp.down_proj"},
      {kInt8,
       [](auto& f) {
         f.metadata["left_float"].push_back({{"name", "model.embed_images"}, {"reason", ""}});
       },
       kMetadata + "left_float: the model that config.json describes has no model.embed_images"},
      {kInt8,
       [](auto& f) {
         f.metadata["left_float"].push_back({{"name", kLayer}, {"reason", ""}});
       },
       kMetadata + "left_float: \"" + kLayer + "\" is listed twice"},
      {kInt8, [](auto& f) { f.layer(kLayer)["bits"] = 4; }, bits + ".weight_packed\""},
      {kInt8,
       [](auto& f) {
         f.layer(kLayer)["shape"] = {48, 103};
       },
       kMetadata + "layers: " + kLayer + ": shape [48, 103] contradicts config.json, which asks for [48, 104]"},
      {kInt8, [](auto& f) { f.config["tie_word_embeddings"] = true; },
       kMetadata + "layers: lm_head has codes of its own, although config.json ties it to the embedding"},
      {kInt8, [](auto& f) { f.config["intermediate_size"] = 96; },
       kMetadata + "layers: model.layers.0.mlp.gate_proj: shape [104, 48] contradicts config.json"},
      {kInt8, [](auto& f) { f.tensors.erase("model.norm.weight"); }, "model.safetensors: model.norm.weight: missing"},
      {kInt8, [](auto& f) { f.tensors["model.norm.weight"] = at::ones({49}); },
       "model.safetensors: model.norm.weight: shape [49] contradicts config.json, which asks for [48]"},
      {kInt8, [](auto& f) { f.tensors["stray"] = at::ones({1}); }, "model.safetensors: stray: the model that"},
      {kInt8, [](auto& f) { f.metadata["coverage"]["quantized_parameters"] = 1; },
       kMetadata + "coverage: quantized_parameters is 1, but the tensors have "},
      {kInt8, [](auto& f) { f.metadata["coverage"]["float_parameters"] = 1; },
       kMetadata + "coverage: float_parameters is 1, but the tensors have "},
      {kInt8, [](auto& f) { f.metadata["coverage"]["bits_per_weight"] = 8.0; },
       kMetadata + "coverage: bits_per_weight is 8, but the tensors have 8."},
      {kInt8, [](auto& f) { f.metadata["format_version"] = 2; },
       kMetadata + "format_version 2 is newer than this program, which reads up to 1; use a newer slm"},
  });
}

// --- what earlier versions wrote ---

// Made by format_version 1; their logits by scripts/make_quantized_goldens.py.
TEST(QuantizedFolder, ThoseOfFormatVersion1LoadForEver) {
  const c10::NoGradGuard no_grad;
  for (const std::string name : {"quantized/llama_tiny_int8_static", "quantized/llama_tiny_int4_g32"}) {
    const auto folder = golden_path(name);
    verify_folder(folder);
    const auto loaded = read_model_folder(folder);
    const Golden expected(name + ".safetensors");
    EXPECT_TRUE(close(loaded.model->logits(expected["input_ids"]), expected["logits"], 3e-5)) << name;
    const TemporaryFolder again;
    write_quantized_folder(again.path(), *loaded.model, *loaded.quantization, nullptr);
    for (const char* file : {kTensors, kQuantizationMetadataFile}) {
      EXPECT_EQ(read_file(again / file), read_file(folder / file)) << name << " " << file;
    }
  }
}

TEST(QuantizedFolder, WithoutAManifestItWasNeverCompletelySaved) {
  const TemporaryFolder folder;
  write(folder.path(), quantize_golden("llama_tiny", kInt8));
  EXPECT_EQ(message_of([&] { verify_or_warn(folder.path()); }),
            folder.path().string() +
                ": holds quantization_metadata.json but no manifest.json, so it was never completely saved; use "
                "another checkpoint");
}

TEST(QuantizedFolder, CannotBeTrainedOrQuantizedAgain) {
  const TemporaryFolder folder;
  write(folder.path(), quantize_golden("llama_tiny", kInt8));
  const auto config = read_model_config(folder.path());
  const auto dense = build_model(config, {});
  EXPECT_NE(message_of([&] {
              load_parameters(folder.path(), config, *dense.arena);
            }).find("holds a quantized model (quantization_metadata.json), which can be neither trained nor quantized"),
            std::string::npos);
  const auto loaded = read_model_folder(folder.path());
  EXPECT_NE(message_of([&] { plan_quantization(*loaded.model, {}); }).find("is quantized already"), std::string::npos);
}

}  // namespace
}  // namespace slm
