#include "config/resolve.h"

#include <algorithm>

#include "config/check.h"

namespace slm {
namespace {

template <class T, class U>
void fill(std::optional<T>& field, const U& value) {
  if (!field) field = value;
}

// The numbers of Llama 3.1.
void fill_rope_scaling(ModelConfig& model) {
  fill(model.rope_scaling_factor, 8.0);
  fill(model.rope_low_freq_factor, 1.0);
  fill(model.rope_high_freq_factor, 4.0);
  fill(model.rope_original_max_position_embeddings, 8192);
}

void fill_parts(ModelConfig& model) {
  const auto& architecture = model.architecture;
  const bool gpt2 = architecture == "gpt2", qwen2 = architecture == "qwen2", qwen3 = architecture == "qwen3";
  fill(model.norm, gpt2 ? "layernorm" : "rmsnorm");
  fill(model.norm_eps, qwen2 || qwen3 ? 1e-6 : 1e-5);
  fill(model.activation, gpt2 ? "gelu_new" : "swiglu");
  fill(model.position, gpt2 ? "learned" : "rope");
  if (model.position == "rope") fill(model.rope_theta, qwen3 ? 1e6 : 1e4);
  if (model.rope_scaling) fill_rope_scaling(model);
  fill(model.qk_norm, qwen3);
  fill(model.bias, gpt2);
  fill(model.qkv_bias, qwen2 || *model.bias);
  fill(model.tie_embeddings, gpt2 || qwen3);
  fill(model.initializer_range, 0.02);
}

/// 8/3 of the width keeps a gated MLP at the parameters of an ungated one of 4 times the width (Shazeer 2020,
/// arXiv:2002.05202); multiples of 32 suit every kernel.
int64_t gated_width(int64_t d_model) {
  constexpr int64_t kMultiple = 32;
  const int64_t width = (8 * d_model + 2) / 3;
  return (width + kMultiple - 1) / kMultiple * kMultiple;
}

}  // namespace

std::string default_granularity(int64_t bits) { return bits == 8 ? "per_channel" : "per_group"; }

void resolve_quantization_defaults(QuantizationConfig& quantization) {
  if (quantization.mode == "none") return;
  fill(quantization.granularity, default_granularity(quantization.bits));
  if (quantization.type == "static") fill(quantization.observer, quantization.mode == "qat" ? "moving_average" : "mse");
}

void resolve_model_defaults(ModelConfig& model) {
  fill_parts(model);
  if (model.n_heads) fill(model.n_kv_heads, *model.n_heads);
  if (!model.d_model) return;
  if (model.n_heads && *model.d_model % *model.n_heads == 0) fill(model.head_dim, *model.d_model / *model.n_heads);
  fill(model.d_ff, model.architecture == "gpt2" ? 4 * *model.d_model : gated_width(*model.d_model));
}

void resolve_defaults(TrainingConfig& config) {
  check_config(config);
  fill(config.data_seed, config.seed);
  if (!config.init_from) resolve_model_defaults(config.model);
  fill(config.micro_batch_size, kDefaultMicroBatchSize);
  resolve_quantization_defaults(config.quantization);
  auto& adapters = config.adapters;
  if (adapters.is_on()) fill(adapters.alpha, 2.0 * static_cast<double>(adapters.rank));
  const auto& length = config.model.max_sequence_length;
  if (!length) return;
  const int64_t micro_batch = *config.micro_batch_size * *length;
  fill(config.gradient_accumulation_steps, config.tokens_per_step.value_or(micro_batch) / micro_batch);
  fill(config.tokens_per_step, *config.gradient_accumulation_steps * micro_batch);
  check_config(config);
}

std::optional<int64_t> planned_steps(const TrainingConfig& config) {
  if (config.max_steps) return config.max_steps;
  if (!config.max_tokens || !config.tokens_per_step) return std::nullopt;
  return (*config.max_tokens + *config.tokens_per_step - 1) / *config.tokens_per_step;
}

int64_t wsd_decay_steps(const TrainingConfig& config, int64_t total_steps) {
  constexpr int64_t kShare = 10;
  return config.wsd_decay_steps.value_or(std::max<int64_t>(1, total_steps / kShare));
}

}  // namespace slm
