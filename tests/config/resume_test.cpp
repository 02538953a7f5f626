#include "config/resume.h"

#include <gtest/gtest.h>

#include "config/minimal_config.h"

namespace slm {
namespace {

/// What resuming says when only `change` differs: "fine", a warning, or the first line of the error.
template <class Change>
std::string outcome(std::string_view lines, Change&& change) {
  const auto saved = parse_with(lines);
  auto now = saved;
  change(now);
  const auto error = error_of([&] { check_resumable(saved, now); });
  if (error) {
    EXPECT_EQ(error->code(), ExitCode::kUsage);
    const std::string message = error->what();
    return message.substr(0, message.find('\n'));
  }
  const auto warnings = check_resumable(saved, now);
  return warnings.empty() ? "fine" : warnings[0];
}

constexpr std::string_view kWsd = "lr_scheduler_type: wsd\n", kConstant = "lr_scheduler_type: constant\n";

TEST(ConfigResume, CadenceOutputAndLoggingAreFree) {
  EXPECT_EQ(outcome("",
                    [](auto& now) {
                      now.output_dir = "elsewhere";
                      now.resume = "must";
                      now.logging_steps = 1;
                      now.eval_steps = 1;
                      now.eval_batches = 1;
                      now.save_steps = 1;
                      now.save_total_limit = 1;
                      now.sample_steps = 1;
                      now.sample_prompts = {"a"};
                    }),
            "fine");
}

TEST(ConfigResume, AnotherNumberOfThreadsIsAWarning) {
  EXPECT_EQ(
      outcome("threads: 2\n", [](auto& now) { now.threads = 4; }),
      "threads: the checkpoint has 2, the config now has 4; sums are added in another order, so this run has other "
      "bits");
}

TEST(ConfigResume, AnotherDeviceIsAWarning) {
  EXPECT_EQ(outcome("device: cuda\n", [](auto& now) { now.device = "cpu"; }),
            "device: the checkpoint has cuda, the config now has cpu; sums are added in another order, so this run has "
            "other bits");
}

TEST(ConfigResume, OtherDifferencesAreErrorsThatNameBothValues) {
  EXPECT_EQ(
      outcome("", [](auto& now) { now.learning_rate = 1e-3; }),
      "learning_rate: the checkpoint has 0.0006, the config now has 0.001; a resumed run must have the same value");
  EXPECT_EQ(outcome("", [](auto& now) { now.model.d_ff = 64; }),
            "model.d_ff: the checkpoint has 192, the config now has 64; a resumed run must have the same value");
  EXPECT_EQ(
      outcome("freeze: '*norm*'\n", [](auto& now) { now.freeze = {"*.bias"}; }),
      "freeze: the checkpoint has [\"*norm*\"], the config now has [\"*.bias\"]; a resumed run must have the same "
      "value");
}

TEST(ConfigResume, AllDifferencesAreReportedTogether) {
  const auto saved = parse_with("");
  auto now = saved;
  now.seed = 1;
  now.data.tokenizer = "b.json";
  EXPECT_EQ(
      message_of([&] { check_resumable(saved, now); }),
      "seed: the checkpoint has 1337, the config now has 1; a resumed run must have the same value\n"
      "data_seed: the checkpoint has 1337, the config now has 1; a resumed run must have the same value\n"
      "data.tokenizer: the checkpoint has char, the config now has b.json; a resumed run must have the same value\n"
      "put these values back, or start a new run from the checkpoint's weights with init_from");
}

TEST(ConfigResume, WhatFollowsFromOtherKeysIsNoDifference) {
  EXPECT_EQ(outcome("",
                    [](auto& now) {
                      now.data_seed = now.seed;
                      now.model.n_kv_heads = 4;
                      now.tokens_per_step = 512;
                    }),
            "fine");
}

TEST(ConfigResume, TheLengthMayGrowUnderSchedulesThatDoNotLookAhead) {
  const auto grow = [](auto& now) { now.max_steps = 2000; };
  const auto shrink = [](auto& now) { now.max_steps = 900; };
  EXPECT_EQ(outcome(kWsd, grow), "fine");
  EXPECT_EQ(outcome(kConstant, grow), "fine");
  EXPECT_EQ(outcome(kWsd, shrink),
            "max_steps: the checkpoint has 1000, the config now has 900; a run's length may only grow");
  for (const std::string schedule : {"cosine", "linear"}) {
    EXPECT_EQ(outcome("lr_scheduler_type: " + schedule + "\n", grow),
              "max_steps: the checkpoint has 1000, the config now has 2000; the " + schedule +
                  " schedule has looked ahead to the end, so the length must stay");
  }
}

TEST(ConfigResume, TheLengthStaysInItsUnit) {
  EXPECT_EQ(outcome(kConstant,
                    [](auto& now) {
                      now.max_steps.reset();
                      now.epochs = 30;
                    }),
            "max_steps: the checkpoint has 1000, the config now has null; a run's length stays in the unit in which it "
            "began");
}

}  // namespace
}  // namespace slm
