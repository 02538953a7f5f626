// What a config leaves open and what follows from other keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/training_config.h"

namespace slm {

/// micro_batch_size where it is not given, as in `transformers`.
inline constexpr int64_t kDefaultMicroBatchSize = 8;

/// quantization_granularity where it is not given: one scale an output is good enough for 8 bits and not for 4.
std::string default_granularity(int64_t bits);

/// Fills quantization_granularity and, where activations are static, quantization_observer. Idempotent.
void resolve_quantization_defaults(QuantizationConfig& quantization);

/// Fills the fields of a model that follow from its architecture and from other fields; `vocab_size` is the caller's to
/// set (from the tokenizer), and sizes that nothing follows from stay open. Idempotent.
void resolve_model_defaults(ModelConfig& model);

/// Fills what follows from other keys of the config: data_seed, lora_alpha, the batch's three numbers (where
/// model.max_sequence_length is known) and, unless `init_from` is given, the model's fields. With `init_from` the
/// caller merges the checkpoint's model into `model` and calls this again. Idempotent. Error (kUsage) naming the keys
/// where the config contradicts itself.
void resolve_defaults(TrainingConfig& config);

/// Optimizer steps of the whole run: max_steps, or max_tokens in whole steps (rounded up). Nothing where the length is
/// given in epochs, which only the data can tell, or where tokens_per_step is not resolved.
std::optional<int64_t> planned_steps(const TrainingConfig& config);

/// Steps of the decay under wsd in a run of `total_steps`: wsd_decay_steps, or a tenth of the steps.
int64_t wsd_decay_steps(const TrainingConfig& config, int64_t total_steps);

}  // namespace slm
