// A line on stderr that is drawn over and over while something goes on.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace slm {

/// Nothing is drawn where stderr is not a terminal.
class LiveLine {
 public:
  LiveLine();
  ~LiveLine();
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  /// Whether there is a terminal to draw on.
  bool is_live() const { return live_; }
  /// Redraws the line, at most ten times a second unless it is the `last` time.
  void show(std::string_view text, bool last = false);
  /// Removes the line, so that other lines can be printed.
  void clear();

 private:
  bool live_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point drawn_at_{};
};

/// "1h02m", "3m05s", "12s"
std::string format_duration(double seconds);

}  // namespace slm
