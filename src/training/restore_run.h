// A run goes on from its own checkpoint.
#pragma once

#include <filesystem>

#include "training/setup.h"

namespace slm {

/// Fills parameters, optimizer and progress of a set-up whose model is built. Error (kUsage) where the config does not
/// fit the checkpoint's, (kData) where the data is another one or a file is not what training writes.
void restore_run(TrainingSetup& setup, const std::filesystem::path& checkpoint);

}  // namespace slm
