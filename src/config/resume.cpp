#include "config/resume.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/describe.h"
#include "config/resolve.h"
#include "core/error.h"

namespace slm {
namespace {

/// Nothing where the run's length may change like this, otherwise why not.
std::optional<std::string> refuse_length(const std::optional<int64_t>& saved, const std::optional<int64_t>& now,
                                         const std::string& schedule) {
  if (schedule != "constant" && schedule != "wsd") {
    return fmt::format("the {} schedule has looked ahead to the end, so the length must stay", schedule);
  }
  if (!saved || !now) return "a run's length stays in the unit in which it began";
  if (*now < *saved) return "a run's length may only grow";
  return std::nullopt;
}

std::optional<std::string> refuse(const FieldDifference& difference, const TrainingConfig& saved,
                                  const TrainingConfig& now) {
  if (difference.resume == Resume::kFree) return std::nullopt;
  if (difference.resume == Resume::kFixed) return "a resumed run must have the same value";
  const auto& key = difference.key;
  const auto& schedule = saved.lr_scheduler_type;
  if (key == "max_steps") return refuse_length(saved.max_steps, now.max_steps, schedule);
  if (key == "max_tokens") return refuse_length(saved.max_tokens, now.max_tokens, schedule);
  SLM_CHECK(key == "epochs");
  return refuse_length(saved.epochs, now.epochs, schedule);
}

TrainingConfig resolved(TrainingConfig config) {
  resolve_defaults(config);
  return config;
}

}  // namespace

std::vector<std::string> check_resumable(const TrainingConfig& saved, const TrainingConfig& now) {
  const auto before = resolved(saved), after = resolved(now);
  std::vector<std::string> warnings, errors;
  for (const auto& difference : diff(before, after)) {
    const auto values = fmt::format("{}: the checkpoint has {}, the config now has {}", difference.key, difference.left,
                                    difference.right);
    if (const auto reason = refuse(difference, before, after)) {
      errors.push_back(fmt::format("{}; {}", values, *reason));
    } else if (difference.key == "threads" || difference.key == "device") {
      warnings.push_back(fmt::format("{}; sums are added in another order, so this run has other bits", values));
    }
  }
  if (!errors.empty()) {
    errors.push_back("put these values back, or start a new run from the checkpoint's weights with init_from");
    throw Error(ExitCode::kUsage, fmt::format("{}", fmt::join(errors, "\n")));
  }
  return warnings;
}

}  // namespace slm
