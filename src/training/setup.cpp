#include "training/setup.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <thread>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/quantized_folder.h"
#include "config/resolve.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "data/data_inputs.h"
#include "kernels/device.h"
#include "model/hugging_face/config_json.h"
#include "model/model_size.h"
#include "quantization/metadata_json.h"
#include "quantization/plan.h"
#include "training/adapter_training.h"
#include "training/builders.h"
#include "training/kept_residual.h"
#include "training/quantization_record.h"
#include "training/restore_run.h"
#include "training/run_shape.h"

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

// The tokenizer of the checkpoint that a run starts from goes on with it, unless the config names a file: one that is
// made from another text would number other tokens. The config itself stays as it is, so that a run that goes on
// compares equal wherever its first parent lay.
DataConfig data_with_tokenizer_of(const std::filesystem::path& folder, DataConfig data) {
  const bool names_a_file = data.tokenizer != kCharacterTokenizer && data.tokenizer != kTrainedTokenizer;
  if (names_a_file || !std::filesystem::exists(folder / "tokenizer.json")) return data;
  data.tokenizer = (folder / "tokenizer.json").string();
  data.vocab_size.reset();
  return data;
}

PreparedData prepare(const TrainingConfig& config, const DataConfig& data, const RunFolder& folder,
                     const std::optional<std::filesystem::path>& scratch) {
  const bool elsewhere = scratch && !is_prepared(data, folder.data());
  return prepare_data(data, *config.model.max_sequence_length, elsewhere ? *scratch : folder.data(),
                      {.threads = static_cast<int>(*config.threads), .shard_tokens = {}});
}

// Bytes of a stored code with its residual; 0 where the weights are floats.
int64_t code_bytes(const TrainingConfig& config, const std::optional<std::filesystem::path>& parent) {
  if (config.adapters.is_on()) return is_quantized_folder(*parent) ? 1 : 0;
  if (!config.quantization.finetuning) return 0;
  const auto path = *parent / kQuantizationMetadataFile;
  const auto metadata = parse_metadata(read_file(path), path.string());
  return metadata.scheme.bits + residual_bits_of(config.quantization, metadata) > 8 ? 2 : 1;
}

MemoryPlan plan_memory(const TrainingConfig& config, const TransformerConfig& shape,
                       const std::optional<std::filesystem::path>& parent) {
  return memory_plan(shape, {.rows = *config.micro_batch_size,
                             .length = *config.model.max_sequence_length,
                             .dtype = compute_dtype(config),
                             .state_dtype = adamw_settings(config).state_dtype,
                             .muon = uses_muon(config),
                             .qat = config.quantization.mode == "qat",
                             .distills = config.quantization.qat_distill_weight > 0,
                             .code_bytes = code_bytes(config, parent),
                             .adapters = adapter_memory(config, shape),
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

// The quantized model of `folder`, whose codes will be trained. Error (kUsage) where the data has tokens that it lacks.
void load_codes(TrainingSetup& setup, const std::filesystem::path& folder, const ArenaSettings& arena) {
  const auto& c = setup.config;
  verify_or_warn(folder);
  if (*c.model.vocab_size != read_model_config(folder).vocab_size) {
    fail(ExitCode::kUsage, "{}: has {} tokens and the data needs {}; a quantized model cannot grow", folder.string(),
         read_model_config(folder).vocab_size, *c.model.vocab_size);
  }
  setup.loaded = read_quantized_folder(folder, arena);
  auto& metadata = *setup.loaded.quantization;
  if (!metadata.finetuning) metadata.parent = parent_of(folder);
  setup.codes = std::make_unique<QuantizedFinetuning>(
      *setup.loaded.model,
      QuantizedFinetuningSettings{
          .residual_bits = residual_bits_of(c.quantization, metadata),
          .policy = c.quantization.scale_policy == "refresh" ? ScalePolicy::kRefresh : ScalePolicy::kFixed,
          .rounding = c.quantization.rounding == "nearest" ? Rounding::kNearest : Rounding::kStochastic,
          .seed = static_cast<uint64_t>(c.seed),
          .frozen = arena.frozen,
          .adam = adamw_settings(c)});
  begin_with_kept_residual(*setup.codes, folder, metadata);
}

// Which folder a run of this config may start from.
void check_parent(const std::filesystem::path& folder, const TrainingConfig& config) {
  if (config.adapters.is_on()) return;
  if (config.quantization.finetuning) {
    expect_quantized_folder(folder);
  } else if (config.quantization.mode != "qat") {
    expect_float_folder(folder);
  }
}

// Quantization-aware training from a quantized model begins with the values of its codes, under the scheme that gave
// them: another one would have to find them anew.
void expect_same_codes(const std::filesystem::path& folder, const TrainingConfig& config, int64_t added_tokens) {
  const auto path = folder / kQuantizationMetadataFile;
  auto theirs = parse_metadata(read_file(path), path.string()).scheme;
  const auto ours = quantization_settings(config).scheme;
  theirs.type = ours.type;  // what activations do is not in the codes
  if (theirs != ours) {
    fail(ExitCode::kUsage,
         "init_from: {} has {} weights, but {} is asked for; use the same bits and granularity, or the float model",
         folder.string(), describe(theirs), describe(ours));
  }
  if (added_tokens > 0) {
    fail(ExitCode::kUsage, "init_from: {} lacks {} tokens of the data; a quantized model cannot grow", folder.string(),
         added_tokens);
  }
}

// Model, optimizer, and what quantizes; parameters have no values yet, unless they are codes.
void build_parts(TrainingSetup& setup, const TransformerConfig& shape, const std::set<std::string>& frozen,
                 const std::optional<std::filesystem::path>& parent) {
  const auto& c = setup.config;
  const ArenaSettings arena{.gradients = true,
                            .dtype = compute_dtype(c),
                            .device = setup.device,
                            .frozen = frozen,
                            .derived = fake_quantized_weights(c, shape),
                            .hidden_matrices_apart = uses_muon(c)};
  if (c.quantization.finetuning) {
    load_codes(setup, *parent, arena);
  } else if (c.adapters.is_on()) {
    build_adapted_model(setup, shape, *parent, arena);
  } else {
    setup.loaded = build_model(shape, arena);
  }
  setup.loaded.model->set_recompute(c.gradient_checkpointing);
  if (c.quantization.mode == "qat") {
    setup.qat = std::make_unique<Qat>(*setup.loaded.model, *setup.loaded.arena, c, qat_schedule(c, setup.total_steps),
                                      setup.rows_per_step * *c.model.max_sequence_length);
  }
  setup.loaded.tokenizer = setup.data.tokenizer;
  setup.optimizer = make_optimizer(c, trained_arena(setup));
}

// The parameters of a new run.
void fill_model(const TrainingSetup& setup, const TransformerConfig& shape,
                const std::optional<std::filesystem::path>& parent) {
  if (setup.adapters) setup.adapters->initialize(static_cast<uint64_t>(setup.config.seed));
  if (setup.loaded.quantization) return;  // its codes were read as it was built
  const auto& arena = *setup.loaded.arena;
  if (!parent) return initialize_parameters(shape, arena, static_cast<uint64_t>(setup.config.seed));
  verify_or_warn(*parent);
  const int64_t added = shape.vocab_size - read_model_config(*parent).vocab_size;
  if (is_quantized_folder(*parent)) {
    expect_same_codes(*parent, setup.config, added);
    setup.qat->set_scales_of_codes(load_dequantized(*parent, arena, /*with_residual=*/true));
    return;
  }
  if (added > 0) log_info("the model's vocabulary grew by {}: new rows begin as the mean of the others", added);
  load_parameters(*parent, shape, arena, added);
}

}  // namespace

const ParameterArena& trained_arena(const TrainingSetup& setup) {
  return setup.adapters ? setup.adapters->arena() : *setup.loaded.arena;
}

int64_t count_steps(const TrainingConfig& config, const PreparedData& data, int64_t rows_per_step) {
  if (const auto steps = planned_steps(config)) return *steps;
  const int64_t windows = *config.epochs * training_cursor(config, data).windows_per_epoch();
  return std::max<int64_t>(1, windows / rows_per_step);
}

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
                      .qat = {},
                      .codes = {},
                      .adapters = {},
                      .progress = {},
                      .parent_read_from = {},
                      .memory = {},
                      .bytes_before = memory_of(device).in_use};
  auto& c = setup.config;
  setup.folder = RunFolder(c.output_dir);
  const auto checkpoint = checkpoint_to_resume(c, setup.folder);
  // A run that goes on takes the shape from its own checkpoint: the folder that it began from may be gone.
  std::optional<std::filesystem::path> parent;
  if (c.init_from) parent = checkpoint ? *checkpoint : find_checkpoint(*c.init_from);
  if (parent) {
    if (!checkpoint) refuse_adapted_parent(*parent);
    check_parent(*parent, c);
    take_model_of(*parent, c.model);
  }
  resolve_defaults(c);
  const auto frozen = parameters_to_freeze(c);
  if (c.adapters.is_on()) adapted_layers(c);  // a wrong glob is an error before any text is read
  setup.data = prepare(c, parent ? data_with_tokenizer_of(*parent, c.data) : c.data, setup.folder, scratch);
  take_vocabulary_of(*setup.data.tokenizer, parent && !checkpoint, c.model);
  resolve_defaults(c);
  auto shape = transformer_config(c.model);
  if (parent) {
    keep_parts_of(*parent, shape);
  } else {
    shape.special_tokens = special_tokens_of(*setup.data.tokenizer);
  }
  if (c.adapters.is_on()) refuse_grown_base(shape, *parent);
  if (!c.dtype) c.dtype = resolve_dtype(shape, device);
  setup.memory = plan_memory(c, shape, parent);
  check_memory(shape, setup.memory, device);

  setup.rows_per_step = *c.micro_batch_size * *c.gradient_accumulation_steps;
  setup.total_steps = count_steps(c, setup.data, setup.rows_per_step);
  setup.schedule = schedule_settings(c, setup.total_steps);
  build_parts(setup, shape, frozen, parent);
  setup.progress = {
      .run_id = new_run_id(), .best_loss = std::nullopt, .lowest_loss = std::nullopt, .data_hash = setup.data.hash};
  if (checkpoint) {
    restore_run(setup, *checkpoint);
  } else {
    fill_model(setup, shape, parent);
  }
  if (setup.qat) setup.qat->resume_at(setup.progress.step);
  return setup;
}

}  // namespace slm
