#include "training/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "core/log.h"

namespace slm {
namespace {

std::string short_count(double value) {
  if (value >= 1e6) return fmt::format("{:.2f}M", value / 1e6);
  return value >= 1e4 ? fmt::format("{:.1f}k", value / 1e3) : fmt::format("{:.0f}", value);
}

// A terminal that understands the escape that clears a line.
bool is_terminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) && (!term || std::string_view(term) != "dumb");
}

}  // namespace

std::string format_duration(double seconds) {
  const auto total = static_cast<int64_t>(std::llround(seconds));
  if (total >= 3600) return fmt::format("{}h{:02}m", total / 3600, total % 3600 / 60);
  return total >= 60 ? fmt::format("{}m{:02}s", total / 60, total % 60) : fmt::format("{}s", total);
}

std::string format_report(const StepReport& r) {
  return fmt::format("step {}/{}  loss {:.4f}  |g| {:.3f}  lr {:.2e}  {} tok/s  MFU ? ({})  {:.0f} MiB  ETA {}", r.step,
                     r.total_steps, r.loss, r.gradient_norm, r.learning_rate, short_count(r.tokens_per_second), r.dtype,
                     r.memory_mib, format_duration(r.seconds_left));
}

ProgressLine::ProgressLine() : live_(is_terminal()) {}

ProgressLine::~ProgressLine() { clear(); }

void ProgressLine::update(const StepReport& report, bool logged) {
  if (!live_) {
    if (logged) log_info(format_report(report));
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < std::chrono::milliseconds(100) && report.step != report.total_steps) return;
  last_ = now;
  drawn_ = true;
  fmt::print(stderr, "\r\033[K{}", format_report(report));
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
  drawn_ = false;
}

}  // namespace slm
