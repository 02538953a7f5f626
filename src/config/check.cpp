#include "config/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/constraint.h"
#include "config/describe.h"
#include "config/keyed_visitor.h"
#include "config/qat_schedule.h"
#include "config/resolve.h"
#include "core/error.h"

namespace slm {
namespace {

/// Values that break the constraint of their own field.
class ConstraintVisitor : public KeyedVisitor<ConstraintVisitor> {
 public:
  template <class T>
  void field(std::string_view name, const T& value, const Constraint& constraint, Resume, std::string_view) {
    check(name, value, constraint);
  }

  std::vector<Contradiction> broken;

 private:
  template <class T>
  void check(std::string_view name, const std::optional<T>& value, const Constraint& constraint) {
    if (value) check(name, *value, constraint);
  }

  void check(std::string_view name, const std::vector<std::string>& values, const Constraint& constraint) {
    for (const auto& value : values) check(name, value, constraint);
  }

  void check(std::string_view name, const std::vector<TextSource>& sources, const Constraint& constraint) {
    for (const auto& source : sources) {
      check(name, source.path, constraint);
      check(name, source.weight, TextSource::weights());
      check(name, source.format, TextSource::formats());
    }
  }

  template <class T>
  void check(std::string_view name, const T& value, const Constraint& constraint) {
    if (keeps(constraint, value) || is_missing_text(value)) return;
    const auto expected = describe_allowed(type_name(value), constraint);
    broken.push_back({{key_of(name)}, fmt::format("found {}, expected {}", value, expected)});
  }

  /// A text field of a config that was not read from a file may be open; find_missing knows which a run needs.
  template <class T>
  static bool is_missing_text(const T& value) {
    if constexpr (std::is_same_v<T, std::string>) return value.empty();
    return false;
  }
};

void check_heads(const ModelConfig& model, std::vector<Contradiction>& found) {
  if (model.n_heads && model.n_kv_heads && *model.n_heads % *model.n_kv_heads != 0) {
    found.push_back(
        {{"model.n_kv_heads", "model.n_heads"},
         fmt::format("{} does not divide model.n_heads {}; each key/value head serves equally many query heads",
                     *model.n_kv_heads, *model.n_heads)});
  }
  if (model.d_model && model.n_heads && !model.head_dim && *model.d_model % *model.n_heads != 0) {
    found.push_back({{"model.n_heads", "model.d_model", "model.head_dim"},
                     fmt::format("{} does not divide model.d_model {}; give a divisor, or model.head_dim",
                                 *model.n_heads, *model.d_model)});
  }
  if (model.position == "rope" && model.head_dim && *model.head_dim % 2 != 0) {
    found.push_back({{"model.head_dim", "model.d_model", "model.n_heads", "model.position"},
                     fmt::format("{} is odd; RoPE turns pairs of channels, so it must be even", *model.head_dim)});
  }
}

void check_rope_scaling(const ModelConfig& model, std::vector<Contradiction>& found) {
  const auto &low = model.rope_low_freq_factor, &high = model.rope_high_freq_factor;
  if (!model.rope_scaling || !low || !high || *low < *high) return;
  found.push_back({{"model.rope_low_freq_factor", "model.rope_high_freq_factor"},
                   fmt::format("{} is not below model.rope_high_freq_factor {}", *low, *high)});
}

void check_length(const TrainingConfig& config, std::vector<Contradiction>& found) {
  const std::vector<std::pair<std::string, bool>> lengths = {{"max_steps", config.max_steps.has_value()},
                                                             {"max_tokens", config.max_tokens.has_value()},
                                                             {"epochs", config.epochs.has_value()}};
  const auto is_given = [](const auto& length) { return length.second; };
  const auto first = std::find_if(lengths.begin(), lengths.end(), is_given);
  if (first == lengths.end()) return;
  for (auto other = first + 1; other != lengths.end(); ++other) {
    if (!other->second) continue;
    found.push_back(
        {{other->first, first->first},
         fmt::format("given together with {0}; a run has one length (an override {0}=null takes the other back)",
                     first->first)});
  }
}

void check_batch(const TrainingConfig& config, std::vector<Contradiction>& found) {
  const auto& length = config.model.max_sequence_length;
  if (!config.tokens_per_step || !length) return;
  const int64_t micro_batch = config.micro_batch_size.value_or(kDefaultMicroBatchSize) * *length;
  const auto product =
      fmt::format("micro_batch_size {} x model.max_sequence_length {}", micro_batch / *length, *length);
  const std::vector<std::string> keys = {"tokens_per_step", "gradient_accumulation_steps", "micro_batch_size",
                                         "model.max_sequence_length"};
  if (config.gradient_accumulation_steps) {
    const int64_t tokens = micro_batch * *config.gradient_accumulation_steps;
    if (tokens == *config.tokens_per_step) return;
    found.push_back(
        {keys, fmt::format("found {}, but gradient_accumulation_steps {} x {} is {}; give only one of the two",
                           *config.tokens_per_step, *config.gradient_accumulation_steps, product, tokens)});
  } else if (*config.tokens_per_step % micro_batch != 0) {
    found.push_back(
        {keys, fmt::format("found {}, expected a multiple of {} ({})", *config.tokens_per_step, micro_batch, product)});
  }
}

void check_schedule(const TrainingConfig& config, std::vector<Contradiction>& found) {
  const auto steps = planned_steps(config);
  if (!steps) return;
  if (config.warmup_steps > *steps) {
    found.push_back({{"warmup_steps", "max_steps", "max_tokens", "tokens_per_step"},
                     fmt::format("{} steps of warm-up in a run of {} steps; expected at most {}", config.warmup_steps,
                                 *steps, *steps)});
    return;
  }
  if (config.lr_scheduler_type != "wsd") return;
  const int64_t decay = wsd_decay_steps(config, *steps);
  if (decay > *steps - config.warmup_steps) {
    found.push_back({{"wsd_decay_steps", "warmup_steps", "max_steps", "max_tokens", "tokens_per_step"},
                     fmt::format("{} steps of decay after {} of warm-up in a run of {} steps; expected at most {}",
                                 decay, config.warmup_steps, *steps, *steps - config.warmup_steps)});
  }
}

void check_qat(const TrainingConfig& config, std::vector<Contradiction>& found) {
  const auto steps = planned_steps(config);
  if (config.quantization.mode != "qat" || !steps) return;
  const auto errors = find_schedule_errors(config, *steps);
  found.insert(found.end(), errors.begin(), errors.end());
}

void check_finetuning(const TrainingConfig& config, std::vector<Contradiction>& found) {
  if (!config.quantization.finetuning) return;
  if (!config.init_from) {
    found.push_back({{"init_from", "enable_quantized_finetuning"},
                     "missing; enable_quantized_finetuning goes on from a quantized checkpoint"});
  }
  if (config.quantization.mode != "none") {
    found.push_back({{"quantization_mode", "enable_quantized_finetuning"},
                     fmt::format("found {}, but enable_quantized_finetuning trains the codes of init_from, under their "
                                 "own scheme; leave it out",
                                 config.quantization.mode)});
  }
  if (config.optimizer != "adamw") {
    found.push_back({{"optimizer", "enable_quantized_finetuning"},
                     fmt::format("found {}, but codes are trained by adamw", config.optimizer)});
  }
}

void check_adapters(const TrainingConfig& config, std::vector<Contradiction>& found) {
  if (!config.adapters.is_on()) return;
  const auto refuse = [&](bool wrong, const char* key, const std::string& text) {
    if (wrong) found.push_back({{key, "lora_rank"}, text});
  };
  refuse(!config.init_from, "init_from", "missing; lora_rank trains adapters over a model that is trained already");
  refuse(config.quantization.mode == "qat", "quantization_mode",
         "found qat, which trains the weights that lora_rank leaves as they are; leave one of the two out");
  refuse(config.quantization.finetuning, "enable_quantized_finetuning",
         "found true, which trains the codes that lora_rank leaves as they are; leave one of the two out");
  refuse(config.optimizer != "adamw", "optimizer",
         fmt::format("found {}, but adapters are trained by adamw: {} would give both factors of a product orthogonal "
                     "updates, as if each were a layer",
                     config.optimizer, config.optimizer));
  // An empty list stands in every resolved config.
  refuse(!config.freeze.empty(), "freeze",
         "has no effect with lora_rank, which freezes everything but the adapters; leave it out");
}

void check_weights(const DataConfig& data, std::vector<Contradiction>& found) {
  const auto weighted = [](const std::vector<TextSource>& sources) {
    return static_cast<size_t>(
        std::count_if(sources.begin(), sources.end(), [](const auto& source) { return source.weight.has_value(); }));
  };
  if (const size_t given = weighted(data.train); given != 0 && given != data.train.size()) {
    found.push_back(
        {{"data.train"},
         fmt::format("{} of {} entries have a weight; give one to every entry or to none", given, data.train.size())});
  }
  if (weighted(data.validation) != 0) {
    found.push_back(
        {{"data.validation"}, "found a weight; validation text is read once, from its beginning to its end"});
  }
}

std::string default_value(const std::string& key) {
  for (const auto& field : list_fields(TrainingConfig{})) {
    if (field.key == key) return field.value;
  }
  return {};
}

}  // namespace

std::vector<Contradiction> find_missing(const TrainingConfig& config) {
  std::vector<Contradiction> found;
  const auto need = [&](bool there, const std::string& key, const std::string& expected) {
    if (!there) found.push_back({{key}, fmt::format("missing; expected {}", expected)});
  };
  need(!config.output_dir.empty(), "output_dir", "the folder of the run");
  need(!config.data.train.empty(), "data.train", "files of .txt, .jsonl or .bin, or builtin:stories");
  need(config.data.tokenizer != "bpe" || config.data.vocab_size, "data.vocab_size",
       "the number of tokens of the tokenizer to be trained");
  if (!config.max_steps && !config.max_tokens && !config.epochs) {
    found.push_back({{"max_steps", "max_tokens", "epochs"}, "missing; expected one of max_steps, max_tokens, epochs"});
  }
  if (config.init_from) return found;
  const auto& model = config.model;
  need(model.max_sequence_length.has_value(), "model.max_sequence_length", "tokens in a training window");
  need(model.n_layers.has_value(), "model.n_layers", "a number of transformer blocks");
  need(model.n_heads.has_value(), "model.n_heads", "a number of query heads");
  need(model.d_model.has_value(), "model.d_model", "the width of the model");
  return found;
}

namespace {

std::vector<Contradiction> unused_quantization_keys(const TrainingConfig& config) {
  const auto& q = config.quantization;
  std::vector<Contradiction> found;
  const auto add = [&](bool unused, const char* key, const char* cause, const std::string& reason) {
    if (unused) found.push_back({{key, cause}, "has no effect " + reason});
  };
  add(!q.finetuning && q.mode != "ptq", "quantization_residual_bits", "enable_quantized_finetuning",
      "without enable_quantized_finetuning or quantization_mode ptq");
  for (const char* key : {"quantization_scale_policy", "quantization_rounding"}) {
    add(!q.finetuning, key, "enable_quantized_finetuning", "without enable_quantized_finetuning");
  }
  if (q.mode == "none") {
    for (const char* key :
         {"quantization_bits", "quantization_type", "quantization_granularity", "quantization_group_size",
          "quantization_method", "quantization_smooth", "quantization_observer", "quantization_calibration_batches",
          "quantization_exclude", "qat_start_step", "qat_freeze_observer_step", "qat_scale", "qat_distill_weight"}) {
      add(true, key, "quantization_mode", "with quantization_mode none");
    }
    return found;
  }
  const bool is_qat = q.mode == "qat";
  for (const char* key : {"quantization_method", "quantization_smooth"}) {
    add(is_qat, key, "quantization_mode", "with quantization_mode qat");
  }
  for (const char* key : {"qat_start_step", "qat_freeze_observer_step", "qat_scale", "qat_distill_weight"}) {
    add(!is_qat, key, "quantization_mode", "with quantization_mode ptq");
  }
  const auto granularity = q.granularity.value_or(default_granularity(q.bits));
  const bool smooths = q.smooth > 0 && q.type != "weight_only";
  const bool calibrates = is_qat || q.type == "static" || q.method == "gptq" || smooths;
  add(granularity != "per_group", "quantization_group_size", "quantization_granularity",
      fmt::format("with quantization_granularity {}", granularity));
  for (const char* key : {"quantization_observer", "qat_freeze_observer_step"}) {
    add(q.type != "static" && (is_qat || key == std::string_view("quantization_observer")), key, "quantization_type",
        fmt::format("with quantization_type {}", q.type));
  }
  add(!is_qat && q.type == "weight_only", "quantization_smooth", "quantization_type",
      "with quantization_type weight_only");
  add(!calibrates, "quantization_calibration_batches", "quantization_type",
      "where nothing is calibrated (quantization_type static, quantization_method gptq, or quantization_smooth)");
  return found;
}

}  // namespace

std::vector<Contradiction> find_unused(const TrainingConfig& config) {
  std::vector<Contradiction> found;
  const auto add = [&](bool unused, const std::string& key, const std::string& cause, const std::string& reason) {
    if (unused) found.push_back({{key, cause}, fmt::format("has no effect {}", reason)});
  };
  auto model = config.model;
  resolve_model_defaults(model);
  const bool shape_is_known = !config.init_from || config.model.position;
  for (const char* key : {"model.rope_theta", "model.rope_scaling"}) {
    add(shape_is_known && model.position != "rope", key, "model.position", "with model.position learned");
  }
  for (const char* key : {"model.rope_scaling_factor", "model.rope_low_freq_factor", "model.rope_high_freq_factor",
                          "model.rope_original_max_position_embeddings"}) {
    add(shape_is_known && (model.position != "rope" || !model.rope_scaling), key, "model.rope_scaling",
        "without model.rope_scaling");
  }
  add(!config.data.validation.empty(), "data.validation_fraction", "data.validation", "where data.validation is given");
  add(config.data.tokenizer != "bpe", "data.vocab_size", "data.tokenizer", "unless data.tokenizer is bpe");
  const char* const early = "early_stopping_evals";
  const bool validates = !config.data.validation.empty() || config.data.validation_fraction > 0;
  add(config.eval_steps == 0, early, "eval_steps", "with eval_steps 0");
  add(config.eval_steps > 0 && !validates, early, "data.validation_fraction", "with data.validation_fraction 0");
  for (const char* key : {"muon_momentum", "muon_nesterov", "muon_ns_steps"}) {
    add(config.optimizer != "muon", key, "optimizer", fmt::format("with optimizer {}", config.optimizer));
  }
  const auto& schedule = config.lr_scheduler_type;
  const auto with_schedule = fmt::format("with lr_scheduler_type {}", schedule);
  add(schedule == "constant", "min_lr_ratio", "lr_scheduler_type", with_schedule);
  add(schedule != "wsd", "wsd_decay_steps", "lr_scheduler_type", with_schedule);
  add(schedule != "wsd", "wsd_decay_type", "lr_scheduler_type", with_schedule);
  const bool adapts = config.adapters.is_on();
  for (const char* key : {"lora_alpha", "lora_targets", "lora_dropout"}) {
    add(!adapts, key, "lora_rank", "without lora_rank");
  }
  const auto quantization = unused_quantization_keys(config);
  found.insert(found.end(), quantization.begin(), quantization.end());
  return found;
}

std::vector<Contradiction> find_contradictions(const TrainingConfig& config) {
  std::vector<Contradiction> found;
  auto model = config.model;
  if (!config.init_from) resolve_model_defaults(model);
  check_heads(model, found);
  check_rope_scaling(model, found);
  check_length(config, found);
  check_batch(config, found);
  check_schedule(config, found);
  check_qat(config, found);
  check_finetuning(config, found);
  check_adapters(config, found);
  check_weights(config.data, found);
  if (config.sample_steps > 0 && config.sample_prompts.empty()) {
    found.push_back({{"sample_prompts", "sample_steps"}, "missing; sample_steps needs at least one prompt"});
  }
  return found;
}

void check_config(const TrainingConfig& config) {
  auto copy = config;
  ConstraintVisitor visitor;
  copy.visit(visitor);
  auto found = visitor.broken;
  if (found.empty()) {
    found = find_contradictions(config);
    const auto fields = list_fields(config);
    for (const auto& unused : find_unused(config)) {
      const auto field =
          std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.key == unused.keys[0]; });
      if (field->value != default_value(unused.keys[0])) found.push_back(unused);
    }
  }
  if (found.empty()) return;
  std::vector<std::string> lines;
  for (const auto& problem : found) lines.push_back(fmt::format("{}: {}", problem.keys[0], problem.text));
  throw Error(ExitCode::kUsage, fmt::format("{}", fmt::join(lines, "\n")));
}

}  // namespace slm
