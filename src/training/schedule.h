// The learning rate of every step.
#pragma once

#include <cstdint>
#include <string>

namespace slm {

enum class ScheduleType { kCosine, kLinear, kConstant, kWsd };
enum class DecayShape { kLinear, kCosine, kOneMinusSqrt };

struct ScheduleSettings {
  ScheduleType type = ScheduleType::kCosine;
  double peak = 0;
  double min_ratio = 0;                    // learning rate at the end as a share of the peak
  int64_t warmup_steps = 0;                // W
  int64_t total_steps = 0;                 // N
  int64_t decay_steps = 0;                 // wsd: steps of decay at the end
  DecayShape decay = DecayShape::kLinear;  // wsd
};

/// Learning rate of step k = 0 .. N - 1: peak * k / W during the warm-up, as in `transformers`, so that step 0 moves
/// only the moments; then peak * (r + (1 - r) f) with f falling from 1 to 0 (constant: f = 1).
/// WSD: Hu et al. 2024, arXiv:2404.06395; 1-sqrt: Hägele et al. 2024, arXiv:2405.18392.
double learning_rate(const ScheduleSettings& settings, int64_t step);

}  // namespace slm
