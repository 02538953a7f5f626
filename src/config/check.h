// Keys that contradict each other, whatever the way in which a config came about.
#pragma once

#include <string>
#include <vector>

#include "config/training_config.h"

namespace slm {

/// Something wrong with a config as a whole.
struct Contradiction {
  std::vector<std::string> keys;  // the one that the message is about, then the others that take part in it
  std::string text;
};

/// Keys that a run cannot do without and that `config` lacks.
std::vector<Contradiction> find_missing(const TrainingConfig& config);

/// Keys that have no effect beside the others, whether or not they are given: `keys[0]` because of `keys[1]`.
std::vector<Contradiction> find_unused(const TrainingConfig& config);

/// Values that cannot stand together. `config` as it was given or resolved; each value keeps its own constraint.
std::vector<Contradiction> find_contradictions(const TrainingConfig& config);

/// Error (kUsage) that lists values out of range, contradictions, and keys that are given and have no effect.
void check_config(const TrainingConfig& config);

}  // namespace slm
