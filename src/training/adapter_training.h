// Adapters as what a run trains: over which model, which of its layers, and what of them is saved.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/adapter_folder.h"
#include "checkpoint/model_folder.h"
#include "config/training_config.h"
#include "model/adapters.h"
#include "training/memory_plan.h"
#include "training/setup.h"

namespace slm {

/// The layers that the config asks for; its model is resolved, but for the vocabulary's size. Error (kUsage) as of
/// layers_to_adapt.
std::vector<AdapterShape> adapted_layers(const TrainingConfig& config);

/// Error (kUsage) where a run would start from a folder that has adapters over its model.
void refuse_adapted_parent(const std::filesystem::path& folder);

/// Error (kUsage) where the data has tokens that the model of the folder lacks: it is frozen and cannot learn them.
void refuse_grown_base(const TransformerConfig& shape, const std::filesystem::path& folder);

/// Makes the model that the run adapts, all of it frozen and quantized where `parent` is, and adapters over it without
/// values. A float model has no values yet either. `arena` says what both are made of.
void build_adapted_model(TrainingSetup& setup, const TransformerConfig& shape, const std::filesystem::path& parent,
                         ArenaSettings arena);

/// The adapters of a checkpoint of the same run. Error (kData) where it has others.
void restore_adapters(const Adapters& adapters, const std::filesystem::path& checkpoint,
                      const TransformerConfig& shape);

/// Nothing without adapters.
std::optional<AdapterMemory> adapter_memory(const TrainingConfig& config, const TransformerConfig& shape);

AdapterInfo adapter_info(const TrainingConfig& config);

/// "73,728 parameters in adapters of rank 8 over 28 linear layers, 6.0 % beside 1,230,000 frozen ones"
std::string describe_adapters(const TrainingSetup& setup);

}  // namespace slm
