// Whether a run may go on under another config.
#pragma once

#include <string>
#include <vector>

#include "config/training_config.h"

namespace slm {

/// Compares the config that a checkpoint was saved under with the present one, both with what follows from other keys
/// filled in (this function does that itself) and with model.vocab_size set. Returns warnings, for a person to read.
/// Error (kUsage) that lists every difference that a resumed run may not have, with both values.
std::vector<std::string> check_resumable(const TrainingConfig& saved, const TrainingConfig& now);

}  // namespace slm
