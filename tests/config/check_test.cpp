#include "config/check.h"

#include <gtest/gtest.h>

#include "config/minimal_config.h"
#include "config/resolve.h"

namespace slm {
namespace {

/// The message for lines added to the block `model:` of a config.
std::string message_with_model(const std::string& lines) {
  return message_for(
      "output_dir: a\nmax_steps: 1000\ndata: {train: b}\nmodel:\n  n_layers: 2\n  max_sequence_length: 64\n" + lines);
}

TEST(ConfigCheck, ARunHasOneLength) {
  EXPECT_EQ(
      message_with("epochs: 3\n"),
      "a.yaml:9:1: epochs: given together with max_steps; a run has one length (an override max_steps=null takes the "
      "other back)");
}

TEST(ConfigCheck, HeadsMustFitTogether) {
  EXPECT_EQ(
      message_with_model("  n_heads: 4\n  n_kv_heads: 3\n  d_model: 64\n"),
      "a.yaml:8:3: model.n_kv_heads: 3 does not divide model.n_heads 4; each key/value head serves equally many query "
      "heads");
  EXPECT_EQ(message_with_model("  n_heads: 3\n  d_model: 64\n"),
            "a.yaml:7:3: model.n_heads: 3 does not divide model.d_model 64; give a divisor, or model.head_dim");
  EXPECT_EQ(message_with_model("  n_heads: 3\n  d_model: 64\n  head_dim: 8\n"), "no error");
}

TEST(ConfigCheck, RopeNeedsAnEvenHead) {
  const std::string odd = "  n_heads: 4\n  d_model: 20\n";
  EXPECT_EQ(message_with_model(odd),
            "a.yaml:8:3: model.head_dim: 5 is odd; RoPE turns pairs of channels, so it must be even");
  EXPECT_EQ(message_with_model(odd + "  head_dim: 7\n"),
            "a.yaml:9:3: model.head_dim: 7 is odd; RoPE turns pairs of channels, so it must be even");
  EXPECT_EQ(message_with_model(odd + "  position: learned\n"), "no error");
}

TEST(ConfigCheck, LearnedPositionsHaveNoRopeTheta) {
  EXPECT_EQ(message_with_model("  architecture: gpt2\n  n_heads: 4\n  d_model: 64\n  rope_theta: 500\n"),
            "a.yaml:10:3: model.rope_theta: has no effect with model.position learned; remove it (as an override: "
            "model.rope_theta=null)");
}

TEST(ConfigCheck, TheNumbersOfRopeScalingNeedIt) {
  const std::string shape = "  n_heads: 4\n  d_model: 64\n";
  EXPECT_EQ(
      message_with_model(shape + "  rope_scaling_factor: 4\n"),
      "a.yaml:9:3: model.rope_scaling_factor: has no effect without model.rope_scaling; remove it (as an override: "
      "model.rope_scaling_factor=null)");
  EXPECT_EQ(message_with_model(shape + "  rope_scaling: llama3\n  rope_scaling_factor: 4\n"), "no error");
  EXPECT_EQ(message_with_model(shape + "  rope_scaling: llama3\n  position: learned\n"),
            "a.yaml:9:3: model.rope_scaling: has no effect with model.position learned; remove it (as an override: "
            "model.rope_scaling=null)");
  EXPECT_EQ(message_with_model(shape + "  rope_scaling: llama3\n  rope_low_freq_factor: 4\n"),
            "a.yaml:10:3: model.rope_low_freq_factor: 4 is not below model.rope_high_freq_factor 4");
  EXPECT_EQ(message_with_model(shape + "  rope_scaling: yarn\n"),
            "a.yaml:9:17: model.rope_scaling: found 'yarn', expected one of llama3");
}

TEST(ConfigCheck, TheWarmUpEndsWithinTheRun) {
  EXPECT_EQ(message_with("warmup_steps: 1001\n"),
            "a.yaml:9:1: warmup_steps: 1001 steps of warm-up in a run of 1000 steps; expected at most 1000");
  EXPECT_EQ(message_with("warmup_steps: 1000\n"), "no error");
  EXPECT_EQ(message_for(std::string(kMinimalConfig) + "max_tokens: 99000\ntokens_per_step: 1024\n"),
            "a.yaml:8:1: warmup_steps: 100 steps of warm-up in a run of 97 steps; expected at most 97");
}

TEST(ConfigCheck, TheDecayOfWsdBeginsAfterTheWarmUp) {
  EXPECT_EQ(
      message_with("lr_scheduler_type: wsd\nwsd_decay_steps: 901\n"),
      "a.yaml:10:1: wsd_decay_steps: 901 steps of decay after 100 of warm-up in a run of 1000 steps; expected at most "
      "900");
  EXPECT_EQ(
      message_with("lr_scheduler_type: wsd\nwarmup_steps: 901\n"),
      "a.yaml:10:1: wsd_decay_steps: 100 steps of decay after 901 of warm-up in a run of 1000 steps; expected at most "
      "99");
}

TEST(ConfigCheck, KeysWithoutEffectAreErrors) {
  EXPECT_EQ(
      message_with("lr_scheduler_type: constant\nmin_lr_ratio: 0.1\nwsd_decay_type: linear\nwsd_decay_steps: 4\n"),
      "a.yaml:10:1: min_lr_ratio: has no effect with lr_scheduler_type constant; remove it (as an override: "
      "min_lr_ratio=null)\n"
      "a.yaml:11:1: wsd_decay_type: has no effect with lr_scheduler_type constant; remove it (as an override: "
      "wsd_decay_type=null)\n"
      "a.yaml:12:1: wsd_decay_steps: has no effect with lr_scheduler_type constant; remove it (as an override: "
      "wsd_decay_steps=null)");
  EXPECT_EQ(
      message_for(
          "output_dir: a\nmax_steps: 1000\nmodel: {n_layers: 1, n_heads: 1, d_model: 8, max_sequence_length: 8}\n"
          "data:\n  train: b\n  validation: c\n  validation_fraction: 0.1\n"),
      "a.yaml:7:3: data.validation_fraction: has no effect where data.validation is given; remove it (as an override: "
      "data.validation_fraction=null)");
}

TEST(ConfigCheck, TheBatchsNumbersMustAgree) {
  EXPECT_EQ(message_with("tokens_per_step: 1000\n"),
            "a.yaml:9:1: tokens_per_step: found 1000, expected a multiple of 512 (micro_batch_size 8 x "
            "model.max_sequence_length 64)");
  EXPECT_EQ(message_with("micro_batch_size: 4\ngradient_accumulation_steps: 3\ntokens_per_step: 512\n"),
            "a.yaml:11:1: tokens_per_step: found 512, but gradient_accumulation_steps 3 x micro_batch_size 4 x "
            "model.max_sequence_length 64 is 768; give only one of the two");
  EXPECT_EQ(message_with("micro_batch_size: 4\ngradient_accumulation_steps: 3\ntokens_per_step: 768\n"), "no error");
}

TEST(ConfigCheck, SamplesNeedPrompts) {
  EXPECT_EQ(message_with("sample_steps: 5\n"),
            "a.yaml:9:1: sample_prompts: missing; sample_steps needs at least one prompt");
}

TEST(ConfigCheck, EarlyStoppingNeedsEvaluations) {
  EXPECT_EQ(message_with("early_stopping_evals: 3\n"), "no error");
  EXPECT_EQ(message_with("early_stopping_evals: 3\neval_steps: 0\n"),
            "a.yaml:9:1: early_stopping_evals: has no effect with eval_steps 0; remove it (as an override: "
            "early_stopping_evals=null)");
  EXPECT_EQ(
      message_for(
          "output_dir: a\nmax_steps: 1000\nmodel: {n_layers: 1, n_heads: 1, d_model: 8, max_sequence_length: 8}\n"
          "data: {train: b, validation_fraction: 0}\nearly_stopping_evals: 3\n"),
      "a.yaml:5:1: early_stopping_evals: has no effect with data.validation_fraction 0; remove it (as an override: "
      "early_stopping_evals=null)");
}

std::string message_with_train(const std::string& train, const std::string& more = "") {
  return message_for("output_dir: a\nmax_steps: 10\nwarmup_steps: 0\ninit_from: b\ndata:\n  train: " + train + "\n" +
                     more);
}

TEST(ConfigCheck, EveryEntryOfAMixtureHasAWeightOrNone) {
  EXPECT_EQ(message_with_train("[a.txt, {path: b.txt}, {path: c.txt, format: uint16}]"), "no error");
  EXPECT_EQ(message_with_train("[{path: a.txt, weight: 1}, {path: b.txt, weight: 2.5}]"), "no error");
  EXPECT_EQ(message_with_train("[a.txt, {path: b.txt, weight: 2}]"),
            "a.yaml:6:3: data.train: 1 of 2 entries have a weight; give one to every entry or to none");
  EXPECT_EQ(message_with_train("a.txt", "  validation: {path: b.txt, weight: 2}\n"),
            "a.yaml:7:3: data.validation: found a weight; validation text is read once, from its beginning to its end");
}

TEST(ConfigCheck, AnEntryIsReadStrictly) {
  EXPECT_EQ(message_with_train("[{path: a.txt, wieght: 1}]"),
            "a.yaml:6:25: data.train: wieght: unknown key of an entry; did you mean weight?");
  EXPECT_EQ(message_with_train("{path: a.txt, weight: 0}"),
            "a.yaml:6:32: data.train: weight: found '0', expected a number, above 0");
  EXPECT_EQ(
      message_with_train("{path: a.txt, format: text}"),
      "a.yaml:6:32: data.train: format: found 'text', expected one of txt, jsonl, bin, uint16; did you mean txt?");
  EXPECT_EQ(message_with_train("{weight: 1}"), "a.yaml:6:10: data.train: path: missing; expected a file of this entry");
  EXPECT_EQ(message_with_train("{path: a, path: b}"), "a.yaml:6:20: data.train: path: doubled key");
  EXPECT_EQ(message_with_train("[[a]]"), "a.yaml:6:11: data.train: found a list, expected text, not empty");
}

TEST(ConfigCheck, AValueThatCannotBeReadHasNoContradictions) {
  EXPECT_EQ(message_with("micro_batch_size: x\ntokens_per_step: 7\nlr_scheduler_type: y\nmin_lr_ratio: 0.5\n"),
            "a.yaml:9:19: micro_batch_size: found 'x', expected a whole number, at least 1 and at most 1000000\n"
            "a.yaml:11:20: lr_scheduler_type: found 'y', expected one of cosine, linear, constant, wsd");
}

TEST(ConfigCheck, AdaptersNeedAModelAndNothingElseThatIsTrained) {
  EXPECT_EQ(
      message_with("lora_alpha: 4\nlora_targets: ['*.q_proj']\nlora_dropout: 0.1\n"),
      "a.yaml:9:1: lora_alpha: has no effect without lora_rank; remove it (as an override: lora_alpha=null)\n"
      "a.yaml:10:1: lora_targets: has no effect without lora_rank; remove it (as an override: lora_targets=null)\n"
      "a.yaml:11:1: lora_dropout: has no effect without lora_rank; remove it (as an override: lora_dropout=null)");
  const std::string adapters = "output_dir: a\ndata: {train: b}\nmax_steps: 1000\ninit_from: c\nlora_rank: 8\n";
  EXPECT_EQ(message_for(adapters + "lora_targets: ['*.q_proj']\nlora_dropout: 0.1\n"), "no error");
  EXPECT_EQ(message_with("lora_rank: 8\n"),
            "a.yaml:9:1: init_from: missing; lora_rank trains adapters over a model that is trained already");
  EXPECT_EQ(
      message_for(adapters + "quantization_mode: qat\n"),
      "a.yaml:6:1: quantization_mode: found qat, which trains the weights that lora_rank leaves as they are; leave "
      "one of the two out");
  EXPECT_EQ(message_for(adapters + "enable_quantized_finetuning: true\n"),
            "a.yaml:6:1: enable_quantized_finetuning: found true, which trains the codes that lora_rank leaves as they "
            "are; leave one of the two out");
  EXPECT_EQ(message_for(adapters + "optimizer: muon\n"),
            "a.yaml:6:1: optimizer: found muon, but adapters are trained by adamw: muon would give both factors of a "
            "product orthogonal updates, as if each were a layer");
  EXPECT_EQ(
      message_for(adapters + "freeze: ['*norm*']\n"),
      "a.yaml:6:1: freeze: has no effect with lora_rank, which freezes everything but the adapters; leave it out");
  EXPECT_EQ(message_for(adapters + "freeze: []\n"), "no error");  // as every resolved config has it
  EXPECT_EQ(message_for(adapters + "lora_dropout: 1\n"),
            "a.yaml:6:15: lora_dropout: found '1', expected a number, at least 0 and below 1");
}

TEST(ConfigCheck, AConfigMadeInCodeIsHeldToTheSameRules) {
  auto config = parse_with("");
  check_config(config);
  config.adam_beta1 = 1;
  config.model.n_heads = 0;
  config.wsd_decay_type = "sudden";
  EXPECT_EQ(message_of([&] { check_config(config); }),
            "model.n_heads: found 0, expected a whole number, at least 1 and at most 1000000\n"
            "wsd_decay_type: found sudden, expected one of linear, cosine, 1-sqrt\n"
            "adam_beta1: found 1, expected a number, at least 0 and below 1");
  config = parse_with("");
  config.wsd_decay_type = "cosine";
  config.warmup_steps = 2000;
  EXPECT_EQ(message_of([&] { resolve_defaults(config); }),
            "warmup_steps: 2000 steps of warm-up in a run of 1000 steps; expected at most 1000\n"
            "wsd_decay_type: has no effect with lr_scheduler_type cosine");
}

}  // namespace
}  // namespace slm
