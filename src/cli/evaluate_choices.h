// slm evaluate --choices: multiple choice in place of a text's loss.
#pragma once

#include <cstddef>
#include <string>

#include "checkpoint/model_folder.h"

namespace slm::cli {

/// Scores the items of `file` and prints the accuracies, with `json` also every number that they follow from.
void evaluate_choices(const LoadedModel& loaded, const std::string& file, size_t batch_size, bool json);

}  // namespace slm::cli
