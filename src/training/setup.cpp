#include "training/setup.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <thread>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/quantized_folder.h"
#include "checkpoint/tensor_io.h"
#include "config/load.h"
#include "config/resolve.h"
#include "config/resume.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "data/chat/chat_template.h"
#include "kernels/device.h"
#include "model/freeze.h"
#include "model/hugging_face/config_json.h"
#include "model/model_size.h"
#include "quantization/plan.h"
#include "training/builders.h"
#include "training/quantize_checkpoint.h"

namespace slm {
namespace {

void set_threads(TrainingConfig& config) {
  if (!config.threads) config.threads = std::max(1u, std::thread::hardware_concurrency());
  at::set_num_threads(static_cast<int>(*config.threads));
}

at::Device set_device(TrainingConfig& config) {
  const auto device = choose_device(config.device);
  config.device = device_name(device);
  return device;
}

// With init_from the shape comes from the folder: a field that the config gives as well must say the same.
void take_model_of(const std::filesystem::path& folder, ModelConfig& model) {
  const auto theirs = model_config(read_model_config(folder));
  const auto take = [&](auto& ours, const auto& value, const char* key) {
    if (ours && ours != value) {
      fail(ExitCode::kUsage, "model.{}: found {}, but init_from {} has {}; leave it out", key, *ours, folder.string(),
           value ? fmt::format("{}", *value) : "none");
    }
    ours = value;
  };
  model.architecture = theirs.architecture;
  // A shorter window than the model can see is legal.
  if (!model.max_sequence_length) model.max_sequence_length = theirs.max_sequence_length;
  take(model.vocab_size, theirs.vocab_size, "vocab_size");
  take(model.n_layers, theirs.n_layers, "n_layers");
  take(model.n_heads, theirs.n_heads, "n_heads");
  take(model.n_kv_heads, theirs.n_kv_heads, "n_kv_heads");
  take(model.head_dim, theirs.head_dim, "head_dim");
  take(model.d_model, theirs.d_model, "d_model");
  take(model.d_ff, theirs.d_ff, "d_ff");
  take(model.norm, theirs.norm, "norm");
  take(model.norm_eps, theirs.norm_eps, "norm_eps");
  take(model.activation, theirs.activation, "activation");
  take(model.position, theirs.position, "position");
  take(model.rope_theta, theirs.rope_theta, "rope_theta");
  take(model.rope_scaling, theirs.rope_scaling, "rope_scaling");
  take(model.rope_scaling_factor, theirs.rope_scaling_factor, "rope_scaling_factor");
  take(model.rope_low_freq_factor, theirs.rope_low_freq_factor, "rope_low_freq_factor");
  take(model.rope_high_freq_factor, theirs.rope_high_freq_factor, "rope_high_freq_factor");
  take(model.rope_original_max_position_embeddings, theirs.rope_original_max_position_embeddings,
       "rope_original_max_position_embeddings");
  take(model.qk_norm, theirs.qk_norm, "qk_norm");
  take(model.bias, theirs.bias, "bias");
  take(model.qkv_bias, theirs.qkv_bias, "qkv_bias");
  take(model.tie_embeddings, theirs.tie_embeddings, "tie_embeddings");
  take(model.initializer_range, theirs.initializer_range, "initializer_range");
}

// What the checkpoint keeps of the model that a run starts from and no key of the config says: all its positions, of
// which the run may train in shorter windows, and the ids of its special tokens.
void keep_parts_of(const std::filesystem::path& folder, TransformerConfig& shape) {
  const auto theirs = read_model_config(folder);
  const int64_t longest = theirs.max_sequence_length;
  if (shape.max_sequence_length > longest) {
    fail(ExitCode::kUsage, "model.max_sequence_length: found {}, but the model of {} sees at most {}",
         shape.max_sequence_length, folder.string(), longest);
  }
  shape.max_sequence_length = longest;
  shape.special_tokens = theirs.special_tokens;
}

SpecialTokens special_tokens_of(const Tokenizer& tokenizer) {
  SpecialTokens ids;
  if (const auto id = tokenizer.begin_of_text()) ids.bos = {*id};
  if (const auto id = tokenizer.end_of_text()) ids.eos = {*id};
  return ids;
}

// The tokenizer of the checkpoint that a run starts from goes on with it, unless the config names a file. The config
// itself stays as it is, so that a run that goes on compares equal wherever its first parent lay.
DataConfig data_with_tokenizer_of(const std::filesystem::path& folder, DataConfig data) {
  if (data.tokenizer == DataConfig{}.tokenizer && std::filesystem::exists(folder / "tokenizer.json")) {
    data.tokenizer = (folder / "tokenizer.json").string();
  }
  return data;
}

PreparedData prepare(const TrainingConfig& config, const DataConfig& data, const RunFolder& folder,
                     const std::optional<std::filesystem::path>& scratch) {
  const bool elsewhere = scratch && !is_prepared(data, folder.data());
  return prepare_data(data, *config.model.max_sequence_length, elsewhere ? *scratch : folder.data(),
                      {.threads = static_cast<int>(*config.threads), .shard_tokens = {}});
}

// Whether all ids that the model lacks are the chat template's tokens, which the preparation of conversations has
// added.
bool lacks_only_chat_tokens(const Tokenizer& tokenizer, int64_t vocab_size) {
  const auto tokens = find_chat_tokens(tokenizer);
  if (!tokens) return false;
  for (auto id = static_cast<int32_t>(vocab_size); id < tokenizer.vocab_size(); ++id) {
    if (id != tokens->begin && id != tokens->end) return false;
  }
  return true;
}

// A model that is trained on from `init_from` gets rows for the tokens of the chat template.
void take_vocabulary_of(const Tokenizer& tokenizer, bool may_grow, ModelConfig& model) {
  if (!model.vocab_size) model.vocab_size = tokenizer.vocab_size();
  if (may_grow && lacks_only_chat_tokens(tokenizer, *model.vocab_size)) {
    model.vocab_size = std::max(*model.vocab_size, tokenizer.vocab_size());
  }
  if (*model.vocab_size < tokenizer.vocab_size()) {
    fail(ExitCode::kUsage, "model.vocab_size: found {}, but the tokenizer has {} tokens; leave it out",
         *model.vocab_size, tokenizer.vocab_size());
  }
}

// The names of the parameters do not depend on the size of the vocabulary, which only the tokenizer tells: so a wrong
// glob is an error before any text is read.
std::set<std::string> parameters_to_freeze(const TrainingConfig& config) {
  if (config.freeze.empty()) return {};
  auto model = config.model;
  model.vocab_size = model.vocab_size.value_or(1);
  return frozen_parameters(transformer_config(model), config.freeze);
}

int64_t steps_of(const TrainingConfig& config, const PreparedData& data, int64_t rows_per_step) {
  if (const auto steps = planned_steps(config)) return *steps;
  const int64_t windows = *config.epochs * training_cursor(config, data).windows_per_epoch();
  return std::max<int64_t>(1, windows / rows_per_step);
}

MemoryPlan plan_memory(const TrainingConfig& config, const TransformerConfig& shape) {
  return memory_plan(shape, {.rows = *config.micro_batch_size,
                             .length = *config.model.max_sequence_length,
                             .dtype = compute_dtype(config),
                             .state_dtype = adamw_settings(config).state_dtype,
                             .muon = uses_muon(config),
                             .gradient_checkpointing = config.gradient_checkpointing,
                             .isolate_documents = config.data.isolate_documents});
}

void check_memory(const TransformerConfig& shape, const MemoryPlan& plan, at::Device device) {
  const int64_t available = memory_of(device).available;
  if (available == 0 || plan.total() <= available) return;
  fail(ExitCode::kOutOfMemory,
       "{} needs {}, but {} MiB of memory are available; use a smaller micro_batch_size, gradient_checkpointing, or a "
       "smaller model",
       describe(shape), describe(plan), available >> 20);
}

// The decay of wsd is counted from the end: a run that has begun it cannot be made longer any more.
void check_lengthening(const TrainingSetup& setup, const TrainingConfig& saved) {
  const int64_t before = steps_of(saved, setup.data, setup.rows_per_step), decay = wsd_decay_steps(saved, before);
  if (saved.lr_scheduler_type != "wsd" || before == setup.total_steps || setup.progress.step <= before - decay) return;
  fail(
      ExitCode::kUsage,
      "{} steps instead of {}: the decay began at step {}, and the checkpoint stands at {}; resume from an earlier one",
      setup.total_steps, before, before - decay, setup.progress.step);
}

void restore(TrainingSetup& setup, const std::filesystem::path& checkpoint) {
  const auto config_path = checkpoint / "training_config.yaml";
  auto saved = parse_training_config(read_file(config_path), config_path.string());
  if (!saved.dtype) saved.dtype = "float32";  // the only one before there was a choice
  for (const auto& warning : check_resumable(saved, setup.config)) log_warning("{}", warning);
  setup.progress = read_run_progress(checkpoint / kTrainerStateFile);
  resolve_defaults(saved);
  check_lengthening(setup, saved);
  if (setup.progress.data_hash != setup.data.hash) {
    fail(ExitCode::kData,
         "{}: was trained on other data (the text or the tokenizer has changed since); start a new run, with init_from "
         "to keep the weights",
         checkpoint.string());
  }
  load_parameters(checkpoint, setup.loaded.model->config(), *setup.loaded.arena);
  load_state(checkpoint / "optimizer.safetensors", setup.optimizer->state());
  setup.optimizer->set_steps_done(setup.progress.optimizer_steps);
  setup.resumed = true;
}

}  // namespace

MixtureCursor training_cursor(const TrainingConfig& config, const PreparedData& data) {
  std::vector<MixturePart> parts;
  for (const auto& part : data.train) parts.push_back({part.tokens->size(), part.weight});
  return {parts, *config.model.max_sequence_length, static_cast<uint64_t>(*config.data_seed)};
}

TrainingSetup set_up_training(TrainingConfig config, const std::optional<std::filesystem::path>& scratch) {
  set_threads(config);
  const auto device = set_device(config);
  TrainingSetup setup{.config = std::move(config),
                      .device = device,
                      .folder = RunFolder(""),
                      .data = {},
                      .schedule = {},
                      .loaded = {},
                      .optimizer = {},
                      .progress = {},
                      .memory = {},
                      .bytes_before = memory_of(device).in_use};
  auto& c = setup.config;
  setup.folder = RunFolder(c.output_dir);
  const auto checkpoint = checkpoint_to_resume(c, setup.folder);
  // A run that goes on takes the shape from its own checkpoint: the folder that it began from may be gone.
  std::optional<std::filesystem::path> parent;
  if (c.init_from) parent = checkpoint ? *checkpoint : find_checkpoint(*c.init_from);
  if (parent) {
    expect_float_folder(*parent);
    take_model_of(*parent, c.model);
  }
  resolve_defaults(c);
  const auto frozen = parameters_to_freeze(c);
  setup.data = prepare(c, parent ? data_with_tokenizer_of(*parent, c.data) : c.data, setup.folder, scratch);
  take_vocabulary_of(*setup.data.tokenizer, parent && !checkpoint, c.model);
  resolve_defaults(c);
  auto shape = transformer_config(c.model);
  if (parent) {
    keep_parts_of(*parent, shape);
  } else {
    shape.special_tokens = special_tokens_of(*setup.data.tokenizer);
  }
  if (!c.dtype) c.dtype = resolve_dtype(shape, device);
  setup.memory = plan_memory(c, shape);
  check_memory(shape, setup.memory, device);

  setup.rows_per_step = *c.micro_batch_size * *c.gradient_accumulation_steps;
  setup.total_steps = steps_of(c, setup.data, setup.rows_per_step);
  setup.schedule = schedule_settings(c, setup.total_steps);
  setup.loaded = build_model(shape, {.gradients = true,
                                     .dtype = compute_dtype(c),
                                     .device = device,
                                     .frozen = frozen,
                                     .hidden_matrices_apart = uses_muon(c)});
  if (c.quantization.mode != "none")
    plan_quantization(*setup.loaded.model, quantization_settings(c));  // or an error now
  setup.loaded.model->set_recompute(c.gradient_checkpointing);
  setup.loaded.tokenizer = setup.data.tokenizer;
  setup.optimizer = make_optimizer(c, *setup.loaded.arena);
  setup.progress = {
      .run_id = new_run_id(), .best_loss = std::nullopt, .lowest_loss = std::nullopt, .data_hash = setup.data.hash};
  if (checkpoint) {
    restore(setup, *checkpoint);
  } else if (parent) {
    verify_or_warn(*parent);
    const int64_t added = shape.vocab_size - read_model_config(*parent).vocab_size;
    if (added > 0) log_info("the model's vocabulary grew by {}: new rows begin as the mean of the others", added);
    load_parameters(*parent, shape, *setup.loaded.arena, added);
  } else {
    initialize_parameters(shape, *setup.loaded.arena, static_cast<uint64_t>(c.seed));
  }
  return setup;
}

}  // namespace slm
