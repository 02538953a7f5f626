#include <gtest/gtest.h>

#include <filesystem>

#include "config/describe.h"
#include "config/load.h"
#include "config/resolve.h"

namespace slm {
namespace {

const std::filesystem::path kConfigs = std::filesystem::path(SLM_SOURCE_DIR) / "configs";

TrainingConfig load_resolved(const std::string& name) {
  auto config = load_training_config(kConfigs / name);
  resolve_defaults(config);
  return config;
}

TEST(Configs, EveryFileLoadsAndResolves) {
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kConfigs)) {
    if (entry.path().extension() != ".yaml") continue;
    auto config = load_training_config(entry.path());
    EXPECT_NO_THROW(resolve_defaults(config)) << entry.path();
    EXPECT_EQ(config.output_dir, "runs/" + entry.path().stem().string());
    ++count;
  }
  EXPECT_GE(count, 1);
}

TEST(Configs, ShakespearesAreTheRecipeOfTheStudy) {
  for (const auto* name : {"shakespeare_llama.yaml", "shakespeare_gpt2.yaml"}) {
    const auto config = load_resolved(name);
    EXPECT_EQ(config.tokens_per_step, 64 * 12) << name;
    EXPECT_EQ(config.max_steps, 2000) << name;
    EXPECT_DOUBLE_EQ(config.learning_rate * config.min_lr_ratio, 1e-4) << name;
    EXPECT_EQ(config.adam_beta2, 0.99) << name;
    EXPECT_EQ(config.model.bias, false) << name;
  }
  EXPECT_EQ(load_resolved("shakespeare_llama.yaml").model.tie_embeddings, false);
  EXPECT_EQ(load_resolved("shakespeare_llama.yaml").model.d_ff, 352);
  EXPECT_EQ(load_resolved("shakespeare_gpt2.yaml").model.activation, "gelu");
  EXPECT_EQ(load_resolved("shakespeare_gpt2.yaml").model.tie_embeddings, true);
}

}  // namespace
}  // namespace slm
