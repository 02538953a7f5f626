#include "checkpoint/model_folder.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.h"
#include "core/file.h"
#include "core/temporary_folder.h"
#include "model/golden.h"
#include "model/hugging_face/config_json.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

// A copy of a golden folder that a test may spoil.
class ModelFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("slm_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    for (const char* file : {"config.json", "model.safetensors"}) {
      fs::copy_file(golden_path(std::string("models/llama_tiny/") + file), folder_ / file);
    }
  }
  void TearDown() override { fs::remove_all(folder_); }

  void edit_config(const std::function<void(nlohmann::json&)>& edit) {
    auto json = nlohmann::json::parse(read_file(folder_ / "config.json"));
    edit(json);
    write_file_atomically(folder_ / "config.json", json.dump());
  }

  std::string error() {
    try {
      read_model_folder(folder_);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kData);
      return e.what();
    }
    return "no error";
  }

  fs::path folder_;
};

TEST_F(ModelFolder, NamesTheTensorWhoseSizeContradictsTheConfig) {
  edit_config([](auto& json) { json["intermediate_size"] = 112; });
  EXPECT_EQ(
      error(),
      (folder_ / "model.safetensors").string() +
          ": model.layers.0.mlp.gate_proj.weight: shape [104, 48] contradicts config.json, which asks for [112, 48]");
}

TEST_F(ModelFolder, NamesATensorThatTheConfigHasNoPlaceFor) {
  edit_config([](auto& json) { json["num_hidden_layers"] = 1; });
  EXPECT_NE(error().find("model.layers.1."), std::string::npos) << error();
}

TEST_F(ModelFolder, NamesAMissingTensor) {
  edit_config([](auto& json) { json["num_hidden_layers"] = 3; });
  EXPECT_NE(error().find("model.layers.2.input_layernorm.weight: missing"), std::string::npos) << error();
}

// Splits model.safetensors in two, as transformers does with a large model.
class ShardedFolder : public ModelFolder {
 protected:
  void SetUp() override {
    ModelFolder::SetUp();
    const SafetensorsFile whole(folder_ / "model.safetensors");
    StateDict shards[2];
    for (size_t i = 0; i < whole.tensors().size(); ++i) {
      const auto& info = whole.tensors()[i];
      shards[i % 2].push_back({info.name, load_tensor(whole, info)});
      index_["weight_map"][info.name] = i % 2 ? "model-2.safetensors" : "model-1.safetensors";
    }
    save_tensors(folder_ / "model-1.safetensors", shards[0]);
    save_tensors(folder_ / "model-2.safetensors", shards[1]);
    fs::remove(folder_ / "model.safetensors");
    write_index();
  }
  void write_index() { write_file_atomically(folder_ / "model.safetensors.index.json", index_.dump()); }

  nlohmann::json index_;
};

TEST_F(ShardedFolder, GivesTheSameBitsAsOneFile) {
  const auto whole = read_model_folder(golden_path("models/llama_tiny"));
  EXPECT_TRUE(at::equal(read_model_folder(folder_).arena->parameters(), whole.arena->parameters()));
}

TEST_F(ShardedFolder, NamesATensorThatTheIndexPlacesInTheWrongShard) {
  auto& place = index_["weight_map"]["model.norm.weight"];
  place = place == "model-1.safetensors" ? "model-2.safetensors" : "model-1.safetensors";
  write_index();
  EXPECT_NE(error().find("model.norm.weight: missing, but model.safetensors.index.json places it there"),
            std::string::npos)
      << error();
}

TEST_F(ShardedFolder, RefusesAnIndexThatPointsOutsideTheFolder) {
  index_["weight_map"]["model.norm.weight"] = "../model-1.safetensors";
  write_index();
  EXPECT_NE(error().find("expected a file's plain name"), std::string::npos) << error();
}

TEST_F(ModelFolder, RowsOfNewTokensAreTheMeanOfTheOthers) {
  const auto before = read_model_folder(folder_);
  auto shape = before.model->config();
  const int64_t known = shape.vocab_size;
  shape.vocab_size += 2;
  const auto grown = build_model(shape, {});
  load_parameters(folder_, shape, *grown.arena, 2);
  std::unordered_map<std::string, at::Tensor> old;
  for (const auto& [name, value] : before.arena->values()) old.emplace(name, value);
  int by_token = 0;
  for (const auto& [name, value] : grown.arena->values()) {
    const auto& theirs = old.at(name);
    if (value.sizes() == theirs.sizes()) {
      EXPECT_TRUE(at::equal(value, theirs)) << name;
      continue;
    }
    ++by_token;
    EXPECT_TRUE(at::equal(value.narrow(0, 0, known), theirs)) << name;
    for (const int64_t row : {known, known + 1}) EXPECT_TRUE(at::equal(value[row], theirs.mean(0))) << name;
  }
  EXPECT_EQ(by_token, shape.tie_embeddings ? 1 : 2);
}

TEST_F(ModelFolder, RefusesAnUnknownArchitectureByName) {
  edit_config([](auto& json) { json["model_type"] = "mamba"; });
  EXPECT_EQ(error(),
            (folder_ / "config.json").string() + ": model_type: found 'mamba', expected llama, gpt2, qwen2 or qwen3");
}

TEST_F(ModelFolder, RefusesOtherKindsOfRopeByName) {
  const auto whole = read_file(folder_ / "config.json");
  for (const std::string type : {"linear", "dynamic", "yarn", "longrope"}) {
    for (const char* key : {"rope_parameters", "rope_scaling"}) {
      edit_config([&](auto& json) { json[key]["rope_type"] = type; });
      EXPECT_EQ(error(), (folder_ / "config.json").string() + ": " + key + ": rope_type '" + type +
                             "' is not supported; expected default or llama3");
      write_file_atomically(folder_ / "config.json", whole);
    }
  }
}

TEST_F(ModelFolder, RefusesWhatItDoesNotComputeByName) {
  const auto whole = read_file(folder_ / "config.json");
  const std::vector<std::tuple<std::string, nlohmann::json, std::string>> cases{
      {"rope_interleaved", true, "rope_interleaved: found true, which slm does not compute"},
      {"partial_rotary_factor", 0.5, "partial_rotary_factor: found 0.5, which slm does not compute; expected 1"},
      {"use_sliding_window", true, "use_sliding_window: found true, which slm does not compute"},
      {"layer_types", {"full_attention", "sliding_attention"}, "layer_types: found \"sliding_attention\""},
      {"attention_bias", true, "attention_bias true and mlp_bias false differ"},
      {"quantization_config", nlohmann::json::object(), "quantization_config: slm reads float32, bfloat16 and"},
      {"hidden_act", "gelu", "hidden_act: found 'gelu', expected silu"},
      {"eos_token_id", "</s>", "eos_token_id: found \"</s>\", expected token ids"}};
  for (const auto& [key, value, message] : cases) {
    edit_config([&](auto& json) { json[key] = value; });
    EXPECT_NE(error().find("config.json: " + message), std::string::npos) << error();
    write_file_atomically(folder_ / "config.json", whole);
  }
}

TEST_F(ModelFolder, PassesOverKeysThatChangeNothing) {
  const auto plain = read_model_config(folder_);
  edit_config([](auto& json) {  // as the folders of SmolLM2 and Qwen2 have them
    json["is_llama_config"] = true;
    json["rope_interleaved"] = false;
    json["partial_rotary_factor"] = 1.0;
    json["use_sliding_window"] = false;
    json["sliding_window"] = 32768;
    json["max_window_layers"] = 21;
    json["layer_types"] = {"full_attention", "full_attention"};
    json["rope_scaling"] = nullptr;
  });
  EXPECT_EQ(read_model_config(folder_), plain);
}

TEST_F(ModelFolder, ReadsHalfPrecisionToTheValuesThatItStandsFor) {
  for (const auto type : {at::kBFloat16, at::kHalf}) {
    const SafetensorsFile whole(golden_path("models/llama_tiny/model.safetensors"));
    StateDict halves;
    for (const auto& info : whole.tensors()) halves.push_back({info.name, load_tensor(whole, info).to(type)});
    save_tensors(folder_ / "model.safetensors", halves);
    const auto loaded = read_model_folder(folder_);
    const auto parameters = loaded.model->named_parameters();
    for (const auto& [name, tensor] : halves) {
      EXPECT_TRUE(at::equal(parameters[name], tensor.to(at::kFloat))) << name << " " << type;
    }
  }
}

TEST_F(ModelFolder, RefusesOtherTypesOfNumbersByName) {
  const SafetensorsFile whole(golden_path("models/llama_tiny/model.safetensors"));
  StateDict tensors;
  for (const auto& info : whole.tensors()) tensors.push_back({info.name, load_tensor(whole, info).to(at::kDouble)});
  save_tensors(folder_ / "model.safetensors", tensors);
  EXPECT_NE(error().find("model.embed_tokens.weight: dtype F64, expected F32, BF16 or F16"), std::string::npos)
      << error();
}

TEST_F(ModelFolder, ReadsTheOldSpellingOfRope) {
  const auto now = read_model_config(folder_);
  edit_config([](auto& json) {
    json["rope_theta"] = json["rope_parameters"]["rope_theta"];
    json.erase("rope_parameters");
    json.erase("dtype");
    json["torch_dtype"] = "float32";
  });
  EXPECT_EQ(read_model_config(folder_), now);
}

TransformerConfig small_shape() {
  return {.vocab_size = 70,
          .max_sequence_length = 32,
          .n_layers = 2,
          .n_heads = 4,
          .n_kv_heads = 4,
          .head_dim = 8,
          .d_model = 32,
          .d_ff = 64};
}

TEST(ConfigJson, ReadsBothSpellingsOfLlama3sRope) {
  auto json = nlohmann::json::parse(read_file(golden_path("models/llama3_tiny/config.json")));
  const auto now = read_config_json(json, "test");
  const RopeScaling expected{
      .factor = 8, .low_freq_factor = 1, .high_freq_factor = 4, .original_max_position_embeddings = 48};
  EXPECT_EQ(now.rope_scaling, expected);
  json["rope_scaling"] = json["rope_parameters"];
  json["rope_theta"] = json["rope_parameters"]["rope_theta"];
  json["rope_scaling"].erase("rope_theta");
  json.erase("rope_parameters");
  EXPECT_EQ(read_config_json(json, "test"), now);
  json["rope_scaling"]["high_freq_factor"] = 1.0;
  EXPECT_THROW(read_config_json(json, "test"), Error);
}

TEST(ConfigJson, OwnFoldersFromBeforeQkvBiasHaveBiasesEverywhereOrNowhere) {
  for (const bool bias : {false, true}) {
    auto config = small_shape();
    config.norm = NormKind::kLayerNorm;
    config.bias = config.qkv_bias = bias;
    nlohmann::json json = write_config_json(config);
    ASSERT_EQ(json["model_type"], "slm");
    json.erase("qkv_bias");
    EXPECT_EQ(read_config_json(json, "test"), config);
  }
}

TEST(ConfigJson, BiasesOnQueriesKeysAndValuesAloneAreQwen2) {
  auto config = small_shape();
  config.qkv_bias = true;
  EXPECT_EQ(hugging_face_class(config).name, "Qwen2ForCausalLM");
  config.bias = true;
  EXPECT_EQ(hugging_face_class(config).name, "LlamaForCausalLM");
  config.qkv_bias = false;
  EXPECT_EQ(hugging_face_class(config).name, "");
}

std::string architecture_of(const std::string& class_name) {
  if (class_name == "GPT2LMHeadModel") return "gpt2";
  if (class_name == "Qwen2ForCausalLM") return "qwen2";
  return class_name == "Qwen3ForCausalLM" ? "qwen3" : "llama";
}

TEST(ConfigJson, EveryShapeThatCanBeBuiltReadsBack) {
  for (const auto norm : {NormKind::kRmsNorm, NormKind::kLayerNorm}) {
    for (const auto activation : {Activation::kSwiGlu, Activation::kGelu, Activation::kGeluNew}) {
      for (const auto position : {PositionKind::kRope, PositionKind::kLearned}) {
        for (int bits = 0; bits < 32; ++bits) {
          auto config = small_shape();
          config.norm = norm;
          config.activation = activation;
          config.position = position;
          config.qk_norm = bits & 1;
          config.bias = bits & 2;
          config.tie_embeddings = bits & 4;
          config.qkv_bias = bits & 8;
          config.architecture = architecture_of(hugging_face_class(config).name);
          if (bits & 16) {
            config.special_tokens = {.bos = {1}, .eos = {2, 60}, .pad = {}};
            if (position == PositionKind::kRope) config.rope_scaling = RopeScaling{.factor = 32};
          }
          const nlohmann::json json = write_config_json(config);
          EXPECT_EQ(read_config_json(json, "test"), config) << json.dump();
        }
      }
    }
  }
}

TEST(ModelFolderWriting, ShapesThatNoClassHasReadBackToTheSameBits) {
  const TemporaryFolder folder;
  auto config = small_shape();
  config.n_kv_heads = 2;
  config.norm = NormKind::kLayerNorm;
  config.bias = true;
  ASSERT_EQ(hugging_face_class(config).name, "");
  const auto model = build_model(config, {});
  initialize_parameters(config, *model.arena, 3);
  write_model_folder(folder.path(), config, *model.arena, nullptr);
  EXPECT_TRUE(at::equal(read_model_folder(folder.path()).arena->parameters(), model.arena->parameters()));
}

TEST(ModelFolderWriting, Gpt2WithoutBiasesWritesZerosAndReadsThemBackAsNone) {
  const TemporaryFolder folder;
  auto config = small_shape();
  config.architecture = "gpt2";
  config.norm = NormKind::kLayerNorm;
  config.activation = Activation::kGelu;
  config.position = PositionKind::kLearned;
  config.tie_embeddings = true;
  const auto model = build_model(config, {});
  initialize_parameters(config, *model.arena, 3);
  write_model_folder(folder.path(), config, *model.arena, nullptr);
  const SafetensorsFile file(folder / "model.safetensors");
  ASSERT_NE(file.find("transformer.h.0.attn.c_attn.bias"), nullptr);
  EXPECT_EQ(load_tensor(file, *file.find("transformer.h.0.attn.c_attn.bias")).count_nonzero().item<int64_t>(), 0);
  const auto again = read_model_folder(folder.path());
  EXPECT_EQ(again.model->config(), config);
  EXPECT_TRUE(at::equal(again.arena->parameters(), model.arena->parameters()));
}

}  // namespace
}  // namespace slm
