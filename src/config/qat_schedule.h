// When quantization-aware training does what.
#pragma once

#include <cstdint>

#include "config/check.h"

namespace slm {

/// Numbers of steps, from 0. Static ranges are learned for some steps before weights and activations are quantized.
struct QatSchedule {
  int64_t observe = 0;  // the first step whose activations are observed (static)
  int64_t start = 0;    // the first step that is quantized
  int64_t freeze = 0;   // the first step that moves no range any more

  bool quantizes(int64_t step) const { return step >= start; }
  bool observes(int64_t step) const { return step >= observe && step < freeze; }
};

/// What the config asks for in a run of so many steps. Error (kUsage) with the first of find_schedule_errors.
QatSchedule qat_schedule(const TrainingConfig& config, int64_t total_steps);

/// A run that ends before QAT starts, static ranges that would be frozen before anything was observed, and a
/// distillation from a model that nobody has trained.
std::vector<Contradiction> find_schedule_errors(const TrainingConfig& config, int64_t total_steps);

}  // namespace slm
