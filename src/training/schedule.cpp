#include "training/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace slm {
namespace {

double cosine(double x) { return 0.5 * (1.0 + std::cos(std::numbers::pi * x)); }

// 1 before the decay, 0 at its end.
double decay_factor(const ScheduleSettings& s, int64_t step) {
  const auto progress = [](int64_t done, int64_t all) {
    return std::min(1.0, static_cast<double>(done) / static_cast<double>(std::max<int64_t>(1, all)));
  };
  switch (s.type) {
    case ScheduleType::kConstant:
      return 1.0;
    case ScheduleType::kCosine:
      return cosine(progress(step - s.warmup_steps, s.total_steps - s.warmup_steps));
    case ScheduleType::kLinear:
      return 1.0 - progress(step - s.warmup_steps, s.total_steps - s.warmup_steps);
    case ScheduleType::kWsd:
      break;
  }
  const double x = progress(std::max<int64_t>(0, step - s.total_steps + s.decay_steps), s.decay_steps);
  switch (s.decay) {
    case DecayShape::kLinear:
      return 1.0 - x;
    case DecayShape::kCosine:
      return cosine(x);
    case DecayShape::kOneMinusSqrt:
      return 1.0 - std::sqrt(x);
  }
  return 0.0;
}

}  // namespace

double learning_rate(const ScheduleSettings& s, int64_t step) {
  if (step < s.warmup_steps) return s.peak * static_cast<double>(step) / static_cast<double>(s.warmup_steps);
  return s.peak * (s.min_ratio + (1.0 - s.min_ratio) * decay_factor(s, step));
}

}  // namespace slm
