#include "core/live_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>

#include "core/terminal.h"

namespace slm {
LiveLine::LiveLine() : live_(is_terminal(STDERR_FILENO)) {}

LiveLine::~LiveLine() { clear(); }

void LiveLine::show(std::string_view text, bool last) {
  const auto now = std::chrono::steady_clock::now();
  if (!live_ || (now - drawn_at_ < std::chrono::milliseconds(100) && !last)) return;
  drawn_at_ = now;
  drawn_ = true;
  fmt::print(stderr, "\r\033[K{}", text);
  std::fflush(stderr);
}

void LiveLine::clear() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
  drawn_ = false;
}

std::string format_duration(double seconds) {
  const auto total = static_cast<int64_t>(std::llround(seconds));
  if (total >= 3600) return fmt::format("{}h{:02}m", total / 3600, total % 3600 / 60);
  return total >= 60 ? fmt::format("{}m{:02}s", total / 60, total % 60) : fmt::format("{}s", total);
}

}  // namespace slm
