// TrainingConfig: everything that a person decides about a run. The run's own keys are flat, `model:` and `data:` are
// blocks, because they travel apart from the run.
//
// Each struct lists its fields once, in `visit`; YAML, overrides, the printed config, `slm config explain`, the
// JSON Schema, docs/configuration.md and the rules of resuming are visitors over that list. A visitor has
//   group(title)                               fields that follow belong together
//   field(name, member, constraint, resume, doc)
//   block(name, struct, doc)                   visits the struct's fields under `name.`
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/data_config.h"
#include "config/field.h"
#include "config/model_config.h"
#include "config/quantization_config.h"

namespace slm {

struct TrainingConfig {
  std::string output_dir;
  int64_t seed = 1337;
  std::optional<int64_t> data_seed, threads;
  std::optional<std::string> init_from, device, dtype;
  std::string resume = "never";
  std::vector<std::string> freeze;

  ModelConfig model;
  DataConfig data;

  std::optional<int64_t> max_steps, max_tokens, epochs;

  std::optional<int64_t> micro_batch_size, gradient_accumulation_steps, tokens_per_step;

  double learning_rate = 6e-4;
  std::string lr_scheduler_type = "cosine";
  int64_t warmup_steps = 100;
  double min_lr_ratio = 0.1;
  std::optional<int64_t> wsd_decay_steps;
  std::string wsd_decay_type = "linear";
  std::string optimizer = "adamw", optimizer_state_dtype = "float32";
  double weight_decay = 0.1, adam_beta1 = 0.9, adam_beta2 = 0.95, adam_epsilon = 1e-8, max_grad_norm = 1.0;
  double muon_momentum = 0.95;
  bool muon_nesterov = true;
  int64_t muon_ns_steps = 5;

  int64_t max_skipped_steps = 10;
  bool gradient_checkpointing = false;

  int64_t logging_steps = 10, eval_steps = 250, eval_batches = 0, save_steps = 500, save_total_limit = 3;
  std::optional<int64_t> early_stopping_evals;
  int64_t sample_steps = 0, layer_norms_steps = 0;
  std::vector<std::string> sample_prompts, report_to = {"jsonl"};

  QuantizationConfig quantization;

  template <class Visitor>
  void visit(Visitor& v) {
    visit_run(v);
    v.block("model", model, "The model's shape; with init_from, what is not given comes from there.");
    v.block("data", data, "The text to learn.");
    visit_length_and_batch(v);
    visit_optimizer(v);
    visit_cadence(v);
    quantization.visit(v);
  }

 private:
  template <class Visitor>
  void visit_run(Visitor& v) {
    using enum Resume;
    v.group("Run");
    v.field("output_dir", output_dir, NonEmpty{}, kFree, "Folder of the run; created where missing.");
    v.field("seed", seed, AtLeast{0}, kFixed, "Seed of the initial weights and of everything else that is random.");
    v.field("data_seed", data_seed, AtLeast{0}, kFixed, "Seed of the order of the data; seed where not given.");
    v.field("device", device, AutoOr{OneOf{"cpu", "cuda"}}, kFree,
            "Where the run computes; auto: on a GPU where the program and the machine have one. Another device adds up "
            "in another order, so a resumed run has other bits.");
    v.field("threads", threads, AutoOr{Between{1, 4096}}, kFree,
            "CPU threads; auto: one a core that the process may use. Another number of threads adds up in another "
            "order, so a resumed run has other bits.");
    v.field(
        "dtype", dtype, AutoOr{OneOf{"float32", "bfloat16"}}, kFixed,
        "What the matrices compute in; weights, moments and sums are float32 all the same. auto: bfloat16 where the "
        "processor multiplies it and the model is wide enough to gain.");
    v.field("init_from", init_from, NonEmpty{}, kFixed,
            "Checkpoint or Hugging Face folder whose weights the run starts from; null: random weights.");
    v.field(
        "resume", resume, NonEmpty{}, kFree,
        "never (an output_dir with checkpoints is an error), auto (from the newest checkpoint that verifies, or from "
        "the start), must (from the newest checkpoint or not at all), or a checkpoint's folder.");
    v.field("freeze", freeze, NonEmpty{}, kFixed,
            "Parameters that stay as they are: globs (* any characters, ? one) over their names, which are those of "
            "Llama whatever the architecture (model.layers.0.*, *.self_attn.q_proj.weight).");
  }

  template <class Visitor>
  void visit_length_and_batch(Visitor& v) {
    using enum Resume;
    v.group("Length: exactly one of these");
    v.field("max_steps", max_steps, Between{1, 1e12}, kLength, "Optimizer steps; instead of max_tokens or epochs.");
    v.field("max_tokens", max_tokens, Between{1, 1e18}, kLength,
            "Training tokens, rounded up to whole steps; instead of max_steps or epochs.");
    v.field("epochs", epochs, Between{1, 1e9}, kLength,
            "Passes over the training tokens, rounded down to whole steps; instead of max_steps or max_tokens.");

    v.group("Batch");
    v.field("micro_batch_size", micro_batch_size, Between{1, ModelConfig::kMaxSize}, kFixed,
            "Windows in one forward and backward pass; 8 where not given.");
    v.field("gradient_accumulation_steps", gradient_accumulation_steps, Between{1, ModelConfig::kMaxSize}, kFixed,
            "Micro-batches in an optimizer step; follows from tokens_per_step, 1 where neither is given.");
    v.field("tokens_per_step", tokens_per_step, Between{1, 1e18}, kFixed,
            "micro_batch_size x gradient_accumulation_steps x model.max_sequence_length; follows from them where not "
            "given.");
  }

  template <class Visitor>
  void visit_optimizer(Visitor& v) {
    using enum Resume;
    v.group("Optimizer");
    v.field("optimizer", optimizer, OneOf{"adamw", "muon"}, kFixed,
            "adamw, or muon: Muon for the matrices of the blocks, AdamW for embeddings, head, norms and biases. Muon's "
            "update is scaled to the size of AdamW's, so that learning_rate and weight_decay mean the same for both.");
    v.field("learning_rate", learning_rate, AtLeast{0}, kFixed, "Peak learning rate.");
    v.field("lr_scheduler_type", lr_scheduler_type, OneOf{"cosine", "linear", "constant", "wsd"}, kFixed,
            "Learning rate after the warm-up: cosine or linear down to min_lr_ratio at the end, constant, or wsd "
            "(constant, then a decay over the last wsd_decay_steps).");
    v.field("warmup_steps", warmup_steps, AtLeast{0}, kFixed,
            "Steps of linear warm-up: step k has learning_rate x k / warmup_steps; 0: none.");
    v.field("min_lr_ratio", min_lr_ratio, Between{0, 1}, kFixed,
            "Learning rate at the end, as a share of the peak. Not with lr_scheduler_type constant.");
    v.field("wsd_decay_steps", wsd_decay_steps, AtLeast{0}, kFixed,
            "Steps of the decay at the end; a tenth of the steps where not given, 0: none. Only with lr_scheduler_type "
            "wsd.");
    v.field("wsd_decay_type", wsd_decay_type, OneOf{"linear", "cosine", "1-sqrt"}, kFixed,
            "Shape of the decay at the end. Only with lr_scheduler_type wsd.");
    v.field("weight_decay", weight_decay, AtLeast{0}, kFixed,
            "Decoupled weight decay, on matrices and not on norms and biases; 0: none.");
    v.field("adam_beta1", adam_beta1, HalfOpen{0, 1}, kFixed, "Decay of the gradient's running mean.");
    v.field("adam_beta2", adam_beta2, HalfOpen{0, 1}, kFixed, "Decay of the squared gradient's running mean.");
    v.field("adam_epsilon", adam_epsilon, Above{0}, kFixed, "Added to the root of the second moment.");
    v.field(
        "optimizer_state_dtype", optimizer_state_dtype, OneOf{"float32", "bfloat16", "int8"}, kFixed,
        "How AdamW's two moments are kept; bfloat16 halves their memory and rounds them stochastically, int8 takes a "
        "quarter of it: codes of 8 bits, and for each 256 neighbours of a parameter a float32 scale.");
    v.field("muon_momentum", muon_momentum, HalfOpen{0, 1}, kFixed,
            "Decay of the gradient's running mean, which Muon makes orthogonal. Only with optimizer muon.");
    v.field("muon_nesterov", muon_nesterov, Any{}, kFixed,
            "Make orthogonal the mean as it will be after another step along this gradient. Only with optimizer muon.");
    v.field("muon_ns_steps", muon_ns_steps, Between{1, 99}, kFixed,
            "Newton-Schulz iterations that make the update orthogonal. Only with optimizer muon.");
    v.field("max_grad_norm", max_grad_norm, AtLeast{0}, kFixed, "Gradients are scaled down to this 2-norm; 0: never.");
    v.group("Faults");
    v.field("max_skipped_steps", max_skipped_steps, AtLeast{0}, kFixed,
            "Steps in a row that are skipped because loss or gradient is not finite; one more ends the run as diverged "
            "(exit code 5). 0: the first one ends it.");
    v.group("Memory");
    v.field("gradient_checkpointing", gradient_checkpointing, Any{}, kFree,
            "Keep only each block's input for the backward pass and compute the rest again: less memory, a third more "
            "time, the same bits.");
  }

  template <class Visitor>
  void visit_cadence(Visitor& v) {
    using enum Resume;
    v.group("Cadence, in steps");
    v.field("logging_steps", logging_steps, AtLeast{1}, kFree, "Steps between two lines of metrics.");
    v.field("eval_steps", eval_steps, AtLeast{0}, kFree,
            "Steps between two evaluations on the validation text; 0: only after the last step.");
    v.field("eval_batches", eval_batches, AtLeast{0}, kFree,
            "Micro-batches of an evaluation; 0: the whole validation text.");
    v.field("early_stopping_evals", early_stopping_evals, AtLeast{1}, kFree,
            "The run ends, saved as usual, after so many evaluations in a row without a lower validation loss than "
            "ever before; null: never. Needs eval_steps and validation data.");
    v.field("save_steps", save_steps, AtLeast{0}, kFree,
            "Steps between two checkpoints; 0: only after the last step and when stopped.");
    v.field("save_total_limit", save_total_limit, AtLeast{0}, kFree,
            "Checkpoints kept, the newest and the best among them; 0: all.");
    v.field("layer_norms_steps", layer_norms_steps, AtLeast{0}, kFree,
            "Steps between two rows with the norms of every parameter, its gradient and its update; 0: never. Such a "
            "step needs the memory of another copy of the weights.");
    v.field("sample_steps", sample_steps, AtLeast{0}, kFree,
            "Steps between two samples of generated text; 0: never. Needs sample_prompts.");
    v.field("sample_prompts", sample_prompts, Any{}, kFree, "Beginnings that the samples continue.");
    v.field("report_to", report_to, OneOf{"jsonl", "tensorboard"}, kFree,
            "Where the run's numbers go: jsonl (metrics.jsonl, always written) and tensorboard (the same numbers and "
            "the samples as event files in tensorboard/).");
  }
};

}  // namespace slm
