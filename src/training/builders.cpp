#include "training/builders.h"

#include "config/resolve.h"
#include "core/error.h"
#include "kernels/device.h"

namespace slm {
namespace {

template <class T>
const T& given(const std::optional<T>& value, const char* key) {
  if (!value)
    fail(ExitCode::kUsage, "model.{}: not given, and nothing that it follows from is; add it to the config", key);
  return *value;
}

Activation activation(const std::string& name) {
  if (name == "gelu") return Activation::kGelu;
  return name == "gelu_new" ? Activation::kGeluNew : Activation::kSwiGlu;
}

const char* name_of(Activation value) {
  if (value == Activation::kGelu) return "gelu";
  return value == Activation::kGeluNew ? "gelu_new" : "swiglu";
}

std::optional<RopeScaling> rope_scaling(const ModelConfig& model) {
  if (!model.rope_scaling) return std::nullopt;
  return RopeScaling{.factor = given(model.rope_scaling_factor, "rope_scaling_factor"),
                     .low_freq_factor = given(model.rope_low_freq_factor, "rope_low_freq_factor"),
                     .high_freq_factor = given(model.rope_high_freq_factor, "rope_high_freq_factor"),
                     .original_max_position_embeddings =
                         given(model.rope_original_max_position_embeddings, "rope_original_max_position_embeddings")};
}

ScheduleType schedule_type(const std::string& name) {
  if (name == "cosine") return ScheduleType::kCosine;
  if (name == "linear") return ScheduleType::kLinear;
  return name == "wsd" ? ScheduleType::kWsd : ScheduleType::kConstant;
}

DecayShape decay_shape(const std::string& name) {
  if (name == "linear") return DecayShape::kLinear;
  return name == "cosine" ? DecayShape::kCosine : DecayShape::kOneMinusSqrt;
}

}  // namespace

TransformerConfig transformer_config(const ModelConfig& model) {
  TransformerConfig config{
      .architecture = model.architecture,
      .vocab_size = given(model.vocab_size, "vocab_size"),
      .max_sequence_length = given(model.max_sequence_length, "max_sequence_length"),
      .n_layers = given(model.n_layers, "n_layers"),
      .n_heads = given(model.n_heads, "n_heads"),
      .n_kv_heads = given(model.n_kv_heads, "n_kv_heads"),
      .head_dim = given(model.head_dim, "head_dim"),
      .d_model = given(model.d_model, "d_model"),
      .d_ff = given(model.d_ff, "d_ff"),
      .norm = given(model.norm, "norm") == "layernorm" ? NormKind::kLayerNorm : NormKind::kRmsNorm,
      .norm_eps = given(model.norm_eps, "norm_eps"),
      .activation = activation(given(model.activation, "activation")),
      .position = given(model.position, "position") == "learned" ? PositionKind::kLearned : PositionKind::kRope,
      .qk_norm = given(model.qk_norm, "qk_norm"),
      .bias = given(model.bias, "bias"),
      .qkv_bias = given(model.qkv_bias, "qkv_bias"),
      .tie_embeddings = given(model.tie_embeddings, "tie_embeddings"),
      .initializer_range = given(model.initializer_range, "initializer_range")};
  if (config.position == PositionKind::kRope) {
    config.rope_theta = given(model.rope_theta, "rope_theta");
    config.rope_scaling = rope_scaling(model);
  }
  return config;
}

ModelConfig model_config(const TransformerConfig& config) {
  ModelConfig model;
  model.architecture = config.architecture;
  model.vocab_size = config.vocab_size;
  model.max_sequence_length = config.max_sequence_length;
  model.n_layers = config.n_layers;
  model.n_heads = config.n_heads;
  model.n_kv_heads = config.n_kv_heads;
  model.head_dim = config.head_dim;
  model.d_model = config.d_model;
  model.d_ff = config.d_ff;
  model.norm = config.norm == NormKind::kLayerNorm ? "layernorm" : "rmsnorm";
  model.norm_eps = config.norm_eps;
  model.activation = name_of(config.activation);
  model.position = config.position == PositionKind::kLearned ? "learned" : "rope";
  if (config.position == PositionKind::kRope) model.rope_theta = config.rope_theta;
  if (const auto& scaling = config.rope_scaling) {
    model.rope_scaling = "llama3";
    model.rope_scaling_factor = scaling->factor;
    model.rope_low_freq_factor = scaling->low_freq_factor;
    model.rope_high_freq_factor = scaling->high_freq_factor;
    model.rope_original_max_position_embeddings = scaling->original_max_position_embeddings;
  }
  model.qk_norm = config.qk_norm;
  model.bias = config.bias;
  model.qkv_bias = config.qkv_bias;
  model.tie_embeddings = config.tie_embeddings;
  model.initializer_range = config.initializer_range;
  return model;
}

namespace {

at::ScalarType state_dtype(const std::string& name) {
  if (name == "int8") return at::kByte;
  return name == "bfloat16" ? at::kBFloat16 : at::kFloat;
}

}  // namespace

AdamWSettings adamw_settings(const TrainingConfig& config) {
  return {.beta1 = config.adam_beta1,
          .beta2 = config.adam_beta2,
          .epsilon = config.adam_epsilon,
          .weight_decay = config.weight_decay,
          .state_dtype = state_dtype(config.optimizer_state_dtype)};
}

MuonSettings muon_settings(const TrainingConfig& config) {
  return {.momentum = config.muon_momentum,
          .nesterov = config.muon_nesterov,
          .steps = config.muon_ns_steps,
          .weight_decay = config.weight_decay,
          .dtype = compute_dtype(config)};
}

bool uses_muon(const TrainingConfig& config) { return config.optimizer == "muon"; }

std::unique_ptr<Optimizer> make_optimizer(const TrainingConfig& config, const ParameterArena& arena) {
  if (!uses_muon(config)) return std::make_unique<AdamW>(arena, adamw_settings(config));
  return std::make_unique<Muon>(arena, muon_settings(config), adamw_settings(config));
}

at::ScalarType compute_dtype(const TrainingConfig& config) {
  SLM_CHECK(config.dtype);
  return *config.dtype == "bfloat16" ? at::kBFloat16 : at::kFloat;
}

std::string resolve_dtype(const TransformerConfig& shape, at::Device device) {
  constexpr int64_t kWideEnough = 256;  // narrower, what is saved in products is lost in conversions (docs/log.md)
  return multiplies_bfloat16(device) && shape.d_model >= kWideEnough ? "bfloat16" : "float32";
}

ScheduleSettings schedule_settings(const TrainingConfig& config, int64_t total_steps) {
  ScheduleSettings settings{.type = schedule_type(config.lr_scheduler_type),
                            .peak = config.learning_rate,
                            .min_ratio = config.min_lr_ratio,
                            .warmup_steps = config.warmup_steps,
                            .total_steps = total_steps,
                            .decay = decay_shape(config.wsd_decay_type)};
  if (settings.type == ScheduleType::kWsd) settings.decay_steps = wsd_decay_steps(config, total_steps);
  return settings;
}

}  // namespace slm
