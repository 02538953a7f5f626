// From the TrainingConfig to the small structs that the parts take: the config stops here.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <memory>
#include <string>

#include "config/training_config.h"
#include "model/transformer_config.h"
#include "training/adamw.h"
#include "training/muon.h"
#include "training/schedule.h"

namespace slm {

/// The model's shape; every field of `model` must be resolved. Error (kUsage) for sizes that are missing.
TransformerConfig transformer_config(const ModelConfig& model);

/// The reverse: the fields of a model read from a folder (for init_from).
ModelConfig model_config(const TransformerConfig& config);

/// What `dtype: auto` means for a model of this shape on this machine's device.
std::string resolve_dtype(const TransformerConfig& shape, at::Device device);

/// `dtype`, which must be resolved, as LibTorch names it.
at::ScalarType compute_dtype(const TrainingConfig& config);

AdamWSettings adamw_settings(const TrainingConfig& config);
MuonSettings muon_settings(const TrainingConfig& config);

/// Whether Muon updates the matrices of the blocks: then the arena must keep them apart.
bool uses_muon(const TrainingConfig& config);

/// The optimizer that the config names, over an arena that outlives it.
std::unique_ptr<Optimizer> make_optimizer(const TrainingConfig& config, const ParameterArena& arena);

ScheduleSettings schedule_settings(const TrainingConfig& config, int64_t total_steps);

}  // namespace slm
