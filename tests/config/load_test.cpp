#include "config/load.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <fstream>

#include "config/minimal_config.h"
#include "core/file.h"
#include "core/temporary_folder.h"

namespace slm {
namespace {

TEST(ConfigLoad, ReadsEveryKindOfValue) {
  const auto config = parse_with(
      "seed: 7\nthreads: 2\ninit_from: runs/b\nlearning_rate: 1e-3\nlr_scheduler_type: wsd\nwarmup_steps: 1e1\n"
      "sample_steps: 5\nsample_prompts: [\"a: b\", 'c']\n");
  EXPECT_EQ(config.output_dir, "runs/a");
  EXPECT_EQ(config.seed, 7);
  EXPECT_EQ(config.threads, 2);
  EXPECT_EQ(config.init_from, "runs/b");
  EXPECT_EQ(config.learning_rate, 1e-3);
  EXPECT_EQ(config.lr_scheduler_type, "wsd");
  EXPECT_EQ(config.warmup_steps, 10);
  EXPECT_EQ(config.sample_prompts, (std::vector<std::string>{"a: b", "c"}));
  EXPECT_EQ(config.model.n_heads, 4);
  EXPECT_EQ(config.model.n_kv_heads, std::nullopt);
  EXPECT_EQ(config.data.train, std::vector<TextSource>{"builtin:stories"});
  EXPECT_EQ(config.max_steps, 1000);
}

TEST(ConfigLoad, ErrorsAreUsageErrors) {
  const auto error = error_of([] { parse_training_config("a: 1\n", "a.yaml"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::kUsage);
}

TEST(ConfigLoad, NamesTheNearestKnownKey) {
  EXPECT_EQ(message_with("learning_rat: 1\n"), "a.yaml:9:1: learning_rat: unknown key; did you mean learning_rate?");
  EXPECT_EQ(message_with("frobnicate: 1\n"), "a.yaml:9:1: frobnicate: unknown key");
}

TEST(ConfigLoad, LooksForTheNearestKeyInEveryBlock) {
  EXPECT_EQ(message_for("output_dir: a\nmax_steps: 200\nn_layers: 2\ndata:\n  train: b\n  sed: 3\n"
                        "model: {n_heads: 1, d_model: 8, max_sequence_length: 4}\n"),
            "a.yaml:3:1: n_layers: unknown key; did you mean model.n_layers?\n"
            "a.yaml:6:3: data.sed: unknown key; did you mean seed?");
}

TEST(ConfigLoad, AMisspeltBlockIsOneErrorAndNotOneForEachOfItsKeys) {
  EXPECT_EQ(message_for("output_dir: a\nmax_steps: 200\ndata: {train: b}\nmodle: {n_heads: 1, d_model: 8}\n"),
            "a.yaml:4:1: modle: unknown key; did you mean model?");
}

TEST(ConfigLoad, ADottedKeyBelongsIntoItsBlock) {
  EXPECT_EQ(message_with("data.tokenizer: char\n"),
            "a.yaml:9:1: data.tokenizer: dotted keys are for overrides; write tokenizer inside the block data:");
}

TEST(ConfigLoad, FindsDoubledKeys) {
  EXPECT_EQ(message_with("seed: 1\neval_steps: 5\n\"seed\": 1\n"),
            "a.yaml:11:1: seed: doubled key; it stands in line 9 already");
  EXPECT_EQ(message_with("model:\n  n_layers: 1\n"), "a.yaml:9:1: model: doubled key; it stands in line 3 already");
  EXPECT_EQ(message_for(std::string(kMinimalConfig) + "  n_heads: 4\nmax_steps: 200\n"),
            "a.yaml:8:3: model.n_heads: doubled key; it stands in line 6 already");
}

struct WrongValue {
  const char* line;
  const char* message;
};

class ConfigLoadWrongValue : public testing::TestWithParam<WrongValue> {};

TEST_P(ConfigLoadWrongValue, IsNamedWithItsPlace) {
  EXPECT_EQ(message_with(GetParam().line), std::string("a.yaml:9:") + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Numbers, ConfigLoadWrongValue,
    testing::Values(
        WrongValue{"seed: 010", "7: seed: found '010', expected a whole number, at least 0"},
        WrongValue{"seed:   0x10", "9: seed: found '0x10', expected a whole number, at least 0"},
        WrongValue{"seed: 1.5", "7: seed: found '1.5', expected a whole number, at least 0"},
        WrongValue{"seed: -1", "7: seed: found '-1', expected a whole number, at least 0"},
        WrongValue{"seed: 1e30", "7: seed: found '1e30', expected a whole number, at least 0"},
        WrongValue{"seed: \"5\"", "7: seed: found the text \"5\", expected a whole number, at least 0"},
        WrongValue{"seed: yes", "7: seed: found 'yes', expected a whole number, at least 0"},
        WrongValue{"seed:", "1: seed: found nothing, expected a whole number, at least 0"},
        WrongValue{"seed: [1]", "7: seed: found a list, expected a whole number, at least 0"},
        WrongValue{"seed: {a: 1}", "7: seed: found a block of keys, expected a whole number, at least 0"},
        WrongValue{"threads: 0",
                   "10: threads: found '0', expected auto or a whole number, at least 1 and at most 4096"},
        WrongValue{"learning_rate: .nan", "16: learning_rate: found '.nan', expected a number, at least 0"},
        WrongValue{"learning_rate: .inf", "16: learning_rate: found '.inf', expected a number, at least 0"},
        WrongValue{"learning_rate: 1e999", "16: learning_rate: found '1e999', expected a number, at least 0"},
        WrongValue{"adam_epsilon: 0", "15: adam_epsilon: found '0', expected a number, above 0"},
        WrongValue{"adam_beta2: 1", "13: adam_beta2: found '1', expected a number, at least 0 and below 1"}));

INSTANTIATE_TEST_SUITE_P(
    TextsListsAndBlocks, ConfigLoadWrongValue,
    testing::Values(
        WrongValue{"init_from: 5", "12: init_from: found '5', expected text, not empty; write \"5\" if text is meant"},
        WrongValue{"init_from: true",
                   "12: init_from: found 'true', expected text, not empty; write \"true\" if text is meant"},
        WrongValue{"init_from: ''", "12: init_from: found the text \"\", expected text, not empty"},
        WrongValue{"init_from: \"a\\0b\"", "12: init_from: found text with a NUL character, expected text without"},
        WrongValue{"lr_scheduler_type: cosin",
                   "20: lr_scheduler_type: found 'cosin', expected one of cosine, linear, constant, wsd; did you mean "
                   "cosine?"},
        WrongValue{"sample_prompts: [a, 5]",
                   "21: sample_prompts: found '5', expected text; write \"5\" if text is meant"},
        WrongValue{"sample_prompts: {a: b}",
                   "17: sample_prompts: found a block of keys, expected text or a list of texts"},
        WrongValue{"sample_prompts:", "1: sample_prompts: found nothing, expected text or a list of texts"},
        WrongValue{"? [a]\n: b", "3: found a key that is not text"}));

TEST(ConfigLoad, BooleansAreTrueAndFalseOnly) {
  const auto with = [](const std::string& value) {
    return std::string(kMinimalConfig) + "  bias: " + value + "\nmax_steps: 200\n";
  };
  EXPECT_EQ(parse_training_config(with("true"), "a.yaml").model.bias, true);
  EXPECT_EQ(parse_training_config(with("false"), "a.yaml").model.bias, false);
  EXPECT_EQ(parse_training_config(with("null"), "a.yaml").model.bias, std::nullopt);
  for (const std::string wrong : {"yes", "on", "True", "1", "no"}) {
    EXPECT_EQ(message_for(with(wrong)), "a.yaml:8:9: model.bias: found '" + wrong + "', expected true or false");
  }
  EXPECT_EQ(message_for(with("'true'")), "a.yaml:8:9: model.bias: found the text \"true\", expected true or false");
}

TEST(ConfigLoad, RefusesAnchorsAliasesTagsAndMergeKeys) {
  EXPECT_EQ(message_with("eval_steps: &a 5\nsave_steps: *a\n"),
            "a.yaml:9:13: a YAML anchor (&name); write the value out where it is used\n"
            "a.yaml:10:13: a YAML alias (*name); write the value out");
  EXPECT_EQ(message_with("eval_steps: !!int 5\n"),
            "a.yaml:9:13: the YAML tag tag:yaml.org,2002:int; a config has none, remove it");
  EXPECT_EQ(message_with("<<: {seed: 4}\n"), "a.yaml:9:1: <<: unknown key");
}

TEST(ConfigLoad, RefusesFurtherDocumentsAndWhatIsNoBlock) {
  EXPECT_EQ(message_with("---\nseed: 3\n"), "a.yaml:9:1: a second YAML document; expected only one");
  EXPECT_EQ(message_for("- a\n- b\n"), "a.yaml:1:1: found no keys, expected a block of `key: value` lines");
  EXPECT_EQ(message_for("learning_rate\n"), "a.yaml:1:1: found no keys, expected a block of `key: value` lines");
  EXPECT_EQ(message_for("output_dir: a\nmax_steps: 200\nmodel: 3\ndata: {train: b}\n"),
            "a.yaml:3:8: model: expected a block of keys");
}

TEST(ConfigLoad, RefusesWhatIsNotYamlOrNotUtf8) {
  EXPECT_EQ(message_with("seed: [1\n"), "a.yaml:10:1: not valid YAML: end of sequence flow not found");
  EXPECT_EQ(message_with("init_from: caf\xe9\n"), "a.yaml:9:15: byte 0xe9 is not UTF-8");
  EXPECT_EQ(message_with("init_from: \xed\xa0\x80\n"), "a.yaml:9:12: byte 0xed is not UTF-8");
  EXPECT_EQ(message_with("init_from: a\x04\n"), "a.yaml:9:13: control character 0x04; YAML text has none");
  EXPECT_EQ(message_for(std::string((1 << 20) + 1, '#')), "a.yaml:1:1: 1048577 bytes; a config has at most 1048576");
  EXPECT_EQ(message_with("init_from: " + std::string(17, '[') + std::string(17, ']') + "\n"),
            "a.yaml:9:27: nested more than 16 levels deep");
  EXPECT_EQ(parse_with("init_from: \xc3\xa9t\xc3\xa9\n").init_from, "\xc3\xa9t\xc3\xa9");
}

TEST(ConfigLoad, AnEmptyFileLacksWhatARunNeeds) {
  const std::string missing =
      "a.yaml:1:1: output_dir: missing; expected the folder of the run\n"
      "a.yaml:1:1: data.train: missing; expected files of .txt, .jsonl or .bin, or builtin:stories\n"
      "a.yaml:1:1: max_steps: missing; expected one of max_steps, max_tokens, epochs\n"
      "a.yaml:1:1: model.max_sequence_length: missing; expected tokens in a training window\n"
      "a.yaml:1:1: model.n_layers: missing; expected a number of transformer blocks\n"
      "a.yaml:1:1: model.n_heads: missing; expected a number of query heads\n"
      "a.yaml:1:1: model.d_model: missing; expected the width of the model";
  EXPECT_EQ(message_for(""), missing);
  EXPECT_EQ(message_for("# nothing\n"), missing);
}

TEST(ConfigLoad, WithInitFromTheShapeMayComeFromTheCheckpoint) {
  const auto config = parse_training_config("output_dir: a\ninit_from: b\ndata: {train: c}\nepochs: 2\n", "a.yaml");
  EXPECT_EQ(config.model.n_layers, std::nullopt);
}

TEST(ConfigLoad, ReportsEverythingAtOnceInTheOrderOfTheFile) {
  const std::array<std::string, 2> overrides = {"sed=4", "save_steps=x"};
  EXPECT_EQ(message_with("seed: 010\nsave_stps: 4\nmin_lr_ratio: 2\n", overrides),
            "a.yaml:9:7: seed: found '010', expected a whole number, at least 0\n"
            "a.yaml:10:1: save_stps: unknown key; did you mean save_steps?\n"
            "a.yaml:11:15: min_lr_ratio: found '2', expected a number, at least 0 and at most 1\n"
            "override 'sed=4': sed: unknown key; did you mean seed?\n"
            "override 'save_steps=x': save_steps: found 'x', expected a whole number, at least 0");
}

TEST(ConfigOverride, TakesThePlaceOfTheFilesValueAndIsReadAsYaml) {
  const std::array<std::string, 5> overrides = {"seed=5", "model.n_layers=1e1", "sample_prompts=[a=b, \"c\"]",
                                                "init_from=x=y", "threads=auto"};
  const auto config = parse_with("seed: 4\nthreads: 3\n", overrides);
  EXPECT_EQ(config.seed, 5);
  EXPECT_EQ(config.model.n_layers, 10);
  EXPECT_EQ(config.sample_prompts, (std::vector<std::string>{"a=b", "c"}));
  EXPECT_EQ(config.init_from, "x=y");
  EXPECT_EQ(config.threads, std::nullopt);
}

TEST(ConfigOverride, MayMendAWrongValueAndNullTakesTheFilesValueBack) {
  const std::array<std::string, 3> overrides = {"seed=null", "max_steps=null", "max_tokens=1e6"};
  const auto config = parse_with("seed: wrong\n", overrides);
  EXPECT_EQ(config.seed, TrainingConfig{}.seed);
  EXPECT_EQ(config.max_steps, std::nullopt);
  EXPECT_EQ(config.max_tokens, 1'000'000);
}

TEST(ConfigOverride, ErrorsQuoteTheOverride) {
  const std::array<std::string, 6> overrides = {"seed",   "model=3",      "n_layers=3",
                                                "seed=[", "eval_steps=1", "eval_steps=2"};
  EXPECT_EQ(message_with("", overrides),
            "override 'seed': found no '=', expected key=value\n"
            "override 'model=3': model is a block; expected one of its keys, model.KEY=value\n"
            "override 'n_layers=3': n_layers: unknown key; did you mean model.n_layers?\n"
            "override 'seed=[': not valid YAML: end of sequence flow not found\n"
            "override 'eval_steps=2': eval_steps: overridden twice");
}

TEST(ConfigOverride, AContradictionIsReportedWhereTheValueCameFrom) {
  const std::array<std::string, 1> overrides = {"max_tokens=5000"};
  EXPECT_EQ(message_with("", overrides),
            "override 'max_tokens=5000': max_tokens: given together with max_steps; a run has one length (an override "
            "max_steps=null takes the other back)");
}

TEST(ConfigLoad, AnyBytesGiveAConfigOrAnErrorAndNothingElse) {
  const auto path = std::string(SLM_SOURCE_DIR) + "/configs/quickstart.yaml";
  const auto original = read_file(path);
  const std::string pieces = std::string("\0\x04 \n\t:-#&*![]{}\"'|>%@`?,.~\xc3\xef\xff", 29) + "0e9";
  EXPECT_TRUE(rc::check([&] {
    auto text = original;
    for (int edits = *rc::gen::inRange(1, 8); edits > 0; --edits) {
      const auto at = *rc::gen::inRange<size_t>(0, text.size());
      const auto length = *rc::gen::inRange<size_t>(0, 5);
      const auto count = *rc::gen::inRange<size_t>(0, 4);
      text.replace(at, length, count, *rc::gen::elementOf(pieces));
    }
    const auto error = error_of([&] { parse_training_config(text, "a.yaml"); });
    if (error) RC_ASSERT(error->code() == ExitCode::kUsage);
  }));
}

TEST(ConfigLoad, ReadsAFileAndNamesItsPath) {
  const TemporaryFolder folder;
  const auto path = folder / "run.yaml";
  std::ofstream(path) << kMinimalConfig << "max_steps: 200\n";
  EXPECT_EQ(load_training_config(path).max_steps, 200);
  std::ofstream(path) << kMinimalConfig << "max_steps: 0\n";
  EXPECT_EQ(message_of([&] { load_training_config(path); }).substr(0, path.string().size() + 6),
            path.string() + ":8:12:");
  const auto missing = error_of([&] { load_training_config(folder / "none.yaml"); });
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->code(), ExitCode::kUsage);
}

}  // namespace
}  // namespace slm
