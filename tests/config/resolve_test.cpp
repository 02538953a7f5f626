#include "config/resolve.h"

#include <gtest/gtest.h>

#include "config/describe.h"
#include "config/minimal_config.h"
#include "core/file.h"
#include "core/json.h"

namespace slm {
namespace {

TrainingConfig resolved(std::string_view lines) {
  auto config = parse_with(lines);
  resolve_defaults(config);
  return config;
}

ModelConfig preset(const std::string& architecture) {
  ModelConfig model;
  model.architecture = architecture;
  model.n_heads = 4;
  model.d_model = 128;
  resolve_model_defaults(model);
  return model;
}

nlohmann::json hugging_face_config(const std::string& name) {
  const auto path = std::string(SLM_SOURCE_DIR) + "/tests/golden/models/" + name + "/config.json";
  return parse_json(read_file(path), path);
}

TEST(ConfigResolve, LlamasPresetIsThatOfTransformers) {
  const auto model = preset("llama");
  const auto golden = hugging_face_config("llama_tiny");
  EXPECT_EQ(model.norm, "rmsnorm");
  EXPECT_EQ(model.norm_eps, golden["rms_norm_eps"].get<double>());
  EXPECT_EQ(model.rope_theta, golden["rope_parameters"]["rope_theta"].get<double>());
  EXPECT_EQ(model.tie_embeddings, golden["tie_word_embeddings"].get<bool>());
  EXPECT_EQ(model.bias, golden["attention_bias"].get<bool>());
  EXPECT_EQ(model.activation, "swiglu");
  EXPECT_EQ(model.qk_norm, false);
  EXPECT_EQ(model.initializer_range, 0.02);
}

TEST(ConfigResolve, Qwen3sPresetIsThatOfTransformers) {
  const auto model = preset("qwen3");
  const auto golden = hugging_face_config("qwen3_tiny");
  EXPECT_EQ(model.norm_eps, golden["rms_norm_eps"].get<double>());
  EXPECT_EQ(model.rope_theta, golden["rope_parameters"]["rope_theta"].get<double>());
  EXPECT_EQ(model.tie_embeddings, golden["tie_word_embeddings"].get<bool>());
  EXPECT_EQ(model.bias, golden["attention_bias"].get<bool>());
  EXPECT_EQ(model.qk_norm, true);
}

TEST(ConfigResolve, Qwen2sPresetIsThatOfTransformers) {
  const auto model = preset("qwen2");
  const auto golden = hugging_face_config("qwen2_tiny");
  EXPECT_EQ(model.norm_eps, golden["rms_norm_eps"].get<double>());
  EXPECT_EQ(model.rope_theta, 1e4);  // of the class; its released models have 1e6
  EXPECT_EQ(model.tie_embeddings, golden["tie_word_embeddings"].get<bool>());
  EXPECT_EQ(model.qkv_bias, true);
  EXPECT_EQ(model.bias, false);
  EXPECT_EQ(model.qk_norm, false);
}

TEST(ConfigResolve, BiasesOnQueriesKeysAndValuesFollowTheOthers) {
  EXPECT_EQ(preset("llama").qkv_bias, false);
  EXPECT_EQ(preset("gpt2").qkv_bias, true);
  ModelConfig model;
  model.bias = true;
  resolve_model_defaults(model);
  EXPECT_EQ(model.qkv_bias, true);
}

TEST(ConfigResolve, RopeScalingHasTheNumbersOfLlama31) {
  ModelConfig model;
  resolve_model_defaults(model);
  EXPECT_EQ(model.rope_scaling_factor, std::nullopt);
  model.rope_scaling = "llama3";
  resolve_model_defaults(model);
  EXPECT_EQ(model.rope_scaling_factor, 8);
  EXPECT_EQ(model.rope_low_freq_factor, 1);
  EXPECT_EQ(model.rope_high_freq_factor, 4);
  EXPECT_EQ(model.rope_original_max_position_embeddings, 8192);
}

TEST(ConfigResolve, Gpt2sPresetIsThatOfTransformers) {
  const auto model = preset("gpt2");
  const auto golden = hugging_face_config("gpt2_tiny");
  EXPECT_EQ(model.norm, "layernorm");
  EXPECT_EQ(model.norm_eps, golden["layer_norm_epsilon"].get<double>());
  EXPECT_EQ(model.activation, golden["activation_function"].get<std::string>());
  EXPECT_EQ(model.tie_embeddings, golden["tie_word_embeddings"].get<bool>());
  EXPECT_EQ(model.position, "learned");
  EXPECT_EQ(model.rope_theta, std::nullopt);
  EXPECT_EQ(model.bias, true);
  EXPECT_EQ(model.qk_norm, false);
}

TEST(ConfigResolve, WidthsFollowFromTheModelsWidth) {
  EXPECT_EQ(preset("gpt2").d_ff, 512);
  EXPECT_EQ(preset("llama").d_ff, 352);
  EXPECT_EQ(preset("qwen3").d_ff, 352);
  EXPECT_EQ(preset("llama").head_dim, 32);
  EXPECT_EQ(preset("llama").n_kv_heads, 4);
  ModelConfig exact;
  exact.d_model = 96;  // 8/3 of it is a multiple of 32 already
  resolve_model_defaults(exact);
  EXPECT_EQ(exact.d_ff, 256);
}

TEST(ConfigResolve, WhatIsGivenStays) {
  ModelConfig model;
  model.architecture = "gpt2";
  model.n_heads = 4;
  model.n_kv_heads = 2;
  model.head_dim = 6;
  model.d_model = 64;
  model.d_ff = 100;
  model.norm = "rmsnorm";
  model.position = "rope";
  model.bias = false;
  resolve_model_defaults(model);
  EXPECT_EQ(model.n_kv_heads, 2);
  EXPECT_EQ(model.head_dim, 6);
  EXPECT_EQ(model.d_ff, 100);
  EXPECT_EQ(model.norm, "rmsnorm");
  EXPECT_EQ(model.rope_theta, 1e4);
  EXPECT_EQ(model.bias, false);
}

TEST(ConfigResolve, OneOfAccumulationAndTokensFollowsFromTheOther) {
  auto config = resolved("");
  EXPECT_EQ(config.micro_batch_size, 8);
  EXPECT_EQ(config.gradient_accumulation_steps, 1);
  EXPECT_EQ(config.tokens_per_step, 8 * 64);
  config = resolved("micro_batch_size: 2\ngradient_accumulation_steps: 3\n");
  EXPECT_EQ(config.tokens_per_step, 2 * 3 * 64);
  config = resolved("micro_batch_size: 2\ntokens_per_step: 1024\n");
  EXPECT_EQ(config.gradient_accumulation_steps, 8);
}

TEST(ConfigResolve, TheSeedOfTheDataIsTheSeed) {
  EXPECT_EQ(resolved("seed: 5\n").data_seed, 5);
  EXPECT_EQ(resolved("seed: 5\ndata_seed: 6\n").data_seed, 6);
}

TEST(ConfigResolve, LeavesToTheCallerWhatOnlyTheTokenizerKnows) {
  EXPECT_EQ(resolved("").model.vocab_size, std::nullopt);
}

TEST(ConfigResolve, WithInitFromTheModelIsLeftToTheCheckpoint) {
  auto config = parse_training_config(
      "output_dir: a\ninit_from: b\ndata: {train: c}\nmax_steps: 1000\ntokens_per_step: 512\n", "a.yaml");
  resolve_defaults(config);
  EXPECT_EQ(config.model.norm, std::nullopt);
  EXPECT_EQ(config.gradient_accumulation_steps, std::nullopt);
  config.model.max_sequence_length = 32;
  resolve_defaults(config);
  EXPECT_EQ(config.gradient_accumulation_steps, 2);
}

TEST(ConfigResolve, TwiceIsOnce) {
  const auto once = resolved("tokens_per_step: 1024\n");
  auto twice = once;
  resolve_defaults(twice);
  EXPECT_TRUE(diff(once, twice).empty());
}

TEST(ConfigResolve, TokensMakeWholeStepsAndEpochsAreForTheDataToTell) {
  TrainingConfig config;
  config.tokens_per_step = 512;
  EXPECT_EQ(planned_steps(config), std::nullopt);
  config.max_tokens = 1024;
  EXPECT_EQ(planned_steps(config), 2);
  config.max_tokens = 1025;
  EXPECT_EQ(planned_steps(config), 3);
  config.max_steps = 7;
  EXPECT_EQ(planned_steps(config), 7);
}

TEST(ConfigResolve, TheDecayOfWsdIsATenthUnlessGiven) {
  TrainingConfig config;
  EXPECT_EQ(wsd_decay_steps(config, 2000), 200);
  EXPECT_EQ(wsd_decay_steps(config, 5), 1);
  config.wsd_decay_steps = 0;
  EXPECT_EQ(wsd_decay_steps(config, 2000), 0);
}

}  // namespace
}  // namespace slm
