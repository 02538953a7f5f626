// A whole run, from its config to its end.
#pragma once

#include <string>

#include "config/training_config.h"
#include "training/loop.h"

namespace slm {

/// Tells the log what the run will do: config, model, steps, device, memory.
void describe_run(const TrainingSetup& setup);

/// Sets up, writes the run's files, trains, and quantizes the result where the config says so. `config_text` is what
/// the person wrote, for the run's config.yaml.
TrainingOutcome train(const TrainingConfig& config, const std::string& config_text);

}  // namespace slm
