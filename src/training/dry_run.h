// A run's plan without the run.
#pragma once

#include <string>

#include "config/training_config.h"

namespace slm {

struct DryRun {
  std::string plan;  // lines for a person: model, data, steps, memory, disk, time
  int signal = 0;    // that stopped it, else 0: then there is no plan
};

/// Builds everything that training would (data, model, optimizer, the checkpoint to go on from) and tells what the run
/// will do, need and take. Nothing is written: data that is not prepared yet is prepared in a temporary folder, which
/// is removed. With `takes_steps` a training step is taken and timed, or as many as fit into a second; without, the
/// time follows from the model's operations and the speed of one of its products. Errors as of training.
DryRun dry_run(const TrainingConfig& config, bool takes_steps);

}  // namespace slm
