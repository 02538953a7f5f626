// `base: other.yaml`: which value wins, where it came from, and what a wrong base gets.
#include <gtest/gtest.h>

#include <array>
#include <filesystem>

#include "config/describe.h"
#include "config/minimal_config.h"
#include "config/resolve.h"
#include "core/file.h"
#include "core/temporary_folder.h"

namespace slm {
namespace {

class ConfigBase : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, text);
  }

  TrainingConfig load(const std::string& name) const { return load_training_config(path(name)); }

  /// The error of loading a file, with the test's folder as DIR.
  std::string message(const std::string& name) const {
    auto text = message_of([&] { load(name); });
    const auto folder = (folder_ / "").string();
    for (size_t at; (at = text.find(folder)) != std::string::npos;) text.replace(at, folder.size(), "DIR/");
    return text;
  }

  const std::string kWhole = std::string(kMinimalConfig) + "max_steps: 1000\n";
  TemporaryFolder folder_;
};

TEST_F(ConfigBase, BlocksAreMergedAndListsReplaced) {
  write("base.yaml", kWhole + "sample_prompts: [a, b]\nsample_steps: 5\n");
  write("top.yaml", "base: base.yaml\nmodel: {n_layers: 3}\nsample_prompts: [c]\n");
  const auto config = load("top.yaml");
  EXPECT_EQ(config.model.n_layers, 3);
  EXPECT_EQ(config.model.n_heads, 4);
  EXPECT_EQ(config.sample_prompts, std::vector<std::string>{"c"});
  EXPECT_EQ(config.sample_steps, 5);
}

TEST_F(ConfigBase, EachFileNamesItsBaseRelativeToItself) {
  write("deep/whole.yaml", kWhole);
  write("deep/middle.yaml", "seed: 2\neval_steps: 7\nbase: whole.yaml\n");
  write("other/top.yaml", "base: ../deep/middle.yaml\nseed: 3\n");
  const auto config = load("other/top.yaml");
  EXPECT_EQ(config.seed, 3);
  EXPECT_EQ(config.eval_steps, 7);
  EXPECT_EQ(config.max_steps, 1000);
  write("absolute.yaml", "base: " + path("deep/whole.yaml") + "\n");
  EXPECT_EQ(load("absolute.yaml").max_steps, 1000);
}

TEST_F(ConfigBase, NullTakesTheBasesValueBack) {
  write("base.yaml", kWhole + "min_lr_ratio: 0.5\nseed: 9\n");
  write("top.yaml", "base: base.yaml\nmax_steps: null\nepochs: 2\nlr_scheduler_type: constant\nmin_lr_ratio:\n");
  const auto config = load("top.yaml");
  EXPECT_EQ(config.max_steps, std::nullopt);
  EXPECT_EQ(config.epochs, 2);
  EXPECT_EQ(config.min_lr_ratio, TrainingConfig{}.min_lr_ratio);
  write("nothing.yaml", "base: base.yaml\nsave_steps:\n");
  EXPECT_EQ(message("nothing.yaml"),
            "DIR/nothing.yaml:2:1: save_steps: found nothing, expected a whole number, at least 0");
}

TEST_F(ConfigBase, OverridesComeLastAndDoNotNameABase) {
  write("base.yaml", kWhole + "seed: 2\n");
  write("top.yaml", "base: base.yaml\nseed: 3\n");
  const std::array<std::string, 1> seed = {"seed=4"}, base = {"base=x.yaml"};
  EXPECT_EQ(load_training_config(path("top.yaml"), seed).seed, 4);
  EXPECT_EQ(message_of([&] { load_training_config(path("top.yaml"), base); }),
            "override 'base=x.yaml': base: stands in a file only; write a config that names it");
}

TEST_F(ConfigBase, EveryValueTellsItsOrigin) {
  write("base.yaml", kWhole + "eval_steps: 7\n");
  write("top.yaml", "base: base.yaml\nseed: 3\nmodel:\n  n_layers: 3\n");
  const std::array<std::string, 1> overrides = {"save_steps=5"};
  const auto loaded = load_config(path("top.yaml"), overrides);
  auto resolved = loaded.config;
  resolve_defaults(resolved);
  const auto origins = describe_origins(loaded, resolved);
  EXPECT_EQ(origins.size(), config_keys().size());
  EXPECT_EQ(origins.at("seed"), path("top.yaml") + ":2");
  EXPECT_EQ(origins.at("model.n_layers"), path("top.yaml") + ":4");
  EXPECT_EQ(origins.at("model.n_heads"), path("base.yaml") + ":6");
  EXPECT_EQ(origins.at("eval_steps"), path("base.yaml") + ":9");
  EXPECT_EQ(origins.at("save_steps"), "override");
  EXPECT_EQ(origins.at("data_seed"), "follows from other keys");
  EXPECT_EQ(origins.at("adam_beta1"), "default");
}

TEST_F(ConfigBase, ProblemsOfAllFilesAreReportedTogetherEachInItsFile) {
  write("whole.yaml", kWhole + "adam_beta1: 1\n");
  write("middle.yaml", "base: whole.yaml\nmodel:\n  n_layer: 2\nseed: &a 5\n");
  write("top.yaml", "sample_step: 1\nbase: middle.yaml\nsave_steps: 010\nmax_tokens: 5\n");
  EXPECT_EQ(message("top.yaml"),
            "DIR/top.yaml:1:1: sample_step: unknown key; did you mean sample_steps?\n"
            "DIR/top.yaml:3:13: save_steps: found '010', expected a whole number, at least 0\n"
            "DIR/top.yaml:4:1: max_tokens: given together with max_steps; a run has one length (an override "
            "max_steps=null takes the other back)\n"
            "DIR/middle.yaml:3:3: model.n_layer: unknown key; did you mean model.n_layers?\n"
            "DIR/middle.yaml:4:7: a YAML anchor (&name); write the value out where it is used\n"
            "DIR/whole.yaml:9:13: adam_beta1: found '1', expected a number, at least 0 and below 1");
}

TEST_F(ConfigBase, ACycleIsNamedWithEveryFileOfIt) {
  write("top.yaml", "base: a.yaml\n");
  write("a.yaml", "base: sub/../b.yaml\n");
  write("b.yaml", "seed: 1\nbase: a.yaml\n");
  EXPECT_EQ(message("top.yaml"),
            "DIR/b.yaml:2:7: base: leads back to where it came from: DIR/a.yaml -> DIR/b.yaml -> DIR/a.yaml");
  write("self.yaml", kWhole + "base: ./self.yaml\n");
  EXPECT_EQ(message("self.yaml"),
            "DIR/self.yaml:9:7: base: leads back to where it came from: DIR/self.yaml -> DIR/self.yaml");
  std::filesystem::create_symlink(path("self.yaml"), path("link.yaml"));
  EXPECT_NE(message("link.yaml").find("leads back"), std::string::npos);
}

TEST_F(ConfigBase, AWrongBaseIsOneErrorBesideThoseOfTheFileItself) {
  write("missing.yaml", "base: nowhere.yaml\nsed: 1\n");
  EXPECT_EQ(message("missing.yaml"),
            "DIR/missing.yaml:1:7: base: DIR/nowhere.yaml: cannot be opened: No such file or directory; expected a "
            "config, relative to the folder of this file\n"
            "DIR/missing.yaml:2:1: sed: unknown key; did you mean seed?");
  write("folder.yaml", "base: .\n");
  EXPECT_NE(message("folder.yaml").find("is a folder; expected a file; expected a config"), std::string::npos);
  write("number.yaml", "base: 5\n");
  EXPECT_EQ(message("number.yaml"),
            "DIR/number.yaml:1:7: base: found '5', expected text, not empty; write \"5\" if text is meant");
  write("list.yaml", "base: [a.yaml]\n");
  EXPECT_EQ(message("list.yaml"), "DIR/list.yaml:1:7: base: found a list, expected text, not empty");
  write("broken.yaml", "seed: [1\n");
  write("top.yaml", "base: broken.yaml\n");
  EXPECT_EQ(message("top.yaml"), "DIR/broken.yaml:2:1: not valid YAML: end of sequence flow not found");
  write("doubled.yaml", kWhole + "base: null\nbase: null\n");
  EXPECT_EQ(message("doubled.yaml"), "DIR/doubled.yaml:10:1: base: doubled key; it stands in line 9 already");
}

TEST_F(ConfigBase, AFileWhoseBaseIsNullHasNone) {
  write("top.yaml", kWhole + "base: null\n");
  EXPECT_EQ(load("top.yaml").max_steps, 1000);
}

TEST_F(ConfigBase, WhatWasWrittenKeepsTheBasesAndOverridesAsComments) {
  write("base.yaml", kWhole);
  write("top.yaml", "base: base.yaml\nseed: 3\n");
  const std::array<std::string, 1> overrides = {"sample_prompts=[a,\nb]"};
  const auto loaded = load_config(path("top.yaml"), overrides);
  EXPECT_TRUE(loaded.written.starts_with("base: base.yaml\nseed: 3\n\n# base " + path("base.yaml") +
                                         ":\n# output_dir: runs/a\n# data: {train"))
      << loaded.written;
  EXPECT_TRUE(loaded.written.ends_with("# max_steps: 1000\n# override: sample_prompts=[a,\n# b]\n")) << loaded.written;
  EXPECT_EQ(load_config(path("base.yaml")).written, kWhole);
}

TEST_F(ConfigBase, AFolderStandsForTheConfigInIt) {
  write("run/config.resolved.yaml", kWhole);
  write("checkpoint/training_config.yaml", kWhole);
  std::filesystem::create_directories(folder_ / "empty");
  EXPECT_EQ(find_config(folder_ / "run"), folder_ / "run/config.resolved.yaml");
  EXPECT_EQ(find_config(folder_ / "checkpoint"), folder_ / "checkpoint/training_config.yaml");
  EXPECT_EQ(find_config(folder_ / "a.yaml"), folder_ / "a.yaml");
  EXPECT_NE(message_of([&] { find_config(folder_ / "empty"); }).find("found neither config.resolved.yaml nor"),
            std::string::npos);
}

}  // namespace
}  // namespace slm
