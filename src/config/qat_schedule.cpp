#include "config/qat_schedule.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace slm {
namespace {

constexpr int64_t kObservedBefore = 100;  // steps; an average that moves by 1 % a step has then forgotten its start
constexpr int64_t kDefaultShare = 10;     // of the run's steps

QatSchedule schedule_of(const QuantizationConfig& q, int64_t total_steps) {
  QatSchedule schedule;
  schedule.start = q.qat_start_step.value_or(total_steps - std::max<int64_t>(1, total_steps / kDefaultShare));
  schedule.observe = std::max<int64_t>(0, schedule.start - kObservedBefore);
  schedule.freeze = q.qat_freeze_observer_step.value_or(schedule.start + (total_steps - schedule.start + 1) / 2);
  return schedule;
}

}  // namespace

std::vector<Contradiction> find_schedule_errors(const TrainingConfig& config, int64_t total_steps) {
  const auto& q = config.quantization;
  const auto schedule = schedule_of(q, total_steps);
  std::vector<Contradiction> found;
  if (schedule.start >= total_steps) {
    found.push_back(
        {{"qat_start_step", "max_steps", "max_tokens", "tokens_per_step"},
         fmt::format("{} in a run of {} steps; expected at most {}", schedule.start, total_steps, total_steps - 1)});
  }
  if (q.type == "static" && schedule.freeze <= schedule.observe) {
    found.push_back({{"qat_freeze_observer_step", "qat_start_step"},
                     fmt::format("found {}, but activations are observed from step {} on (qat_start_step {} less {}); "
                                 "expected a later step",
                                 schedule.freeze, schedule.observe, schedule.start, kObservedBefore)});
  }
  if (q.qat_distill_weight > 0 && schedule.start == 0 && !config.init_from) {
    found.emplace_back(std::vector<std::string>{"qat_distill_weight", "qat_start_step", "init_from"},
                       "the parent would be the model at step 0, which is random; start later, or give init_from");
  }
  return found;
}

QatSchedule qat_schedule(const TrainingConfig& config, int64_t total_steps) {
  const auto errors = find_schedule_errors(config, total_steps);
  if (!errors.empty()) fail(ExitCode::kUsage, "{}: {}", errors[0].keys[0], errors[0].text);
  return schedule_of(config.quantization, total_steps);
}

}  // namespace slm
