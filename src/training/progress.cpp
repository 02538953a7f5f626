#include "training/progress.h"

#include <fmt/format.h>

#include "core/log.h"

namespace slm {
namespace {

std::string short_count(double value) {
  if (value >= 1e6) return fmt::format("{:.2f}M", value / 1e6);
  return value >= 1e4 ? fmt::format("{:.1f}k", value / 1e3) : fmt::format("{:.0f}", value);
}

}  // namespace

std::string format_report(const StepReport& r) {
  return fmt::format("step {}/{}  loss {:.4f}  |g| {:.3f}  lr {:.2e}  {} tok/s  MFU ? ({})  {:.0f} MiB  ETA {}", r.step,
                     r.total_steps, r.loss, r.gradient_norm, r.learning_rate, short_count(r.tokens_per_second), r.dtype,
                     r.memory_mib, format_duration(r.seconds_left));
}

void ProgressLine::update(const StepReport& report, bool logged) {
  if (line_.is_live()) {
    line_.show(format_report(report), report.step == report.total_steps);
  } else if (logged) {
    log_info(format_report(report));
  }
}

}  // namespace slm
