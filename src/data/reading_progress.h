// How far the reading of the sources is: a live line on a terminal, a line of the log now and then elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/live_line.h"

namespace slm {

class ReadingProgress {
 public:
  /// `what` is done to `total` bytes, of which `before` are done already.
  ReadingProgress(std::string what, int64_t total, int64_t before = 0);

  void add(int64_t bytes);
  /// "1.24 GB in 12s (103.2 MB/s)", of what was added.
  std::string summary() const;

 private:
  double seconds() const;

  std::string what_;
  int64_t total_, before_, done_ = 0;
  std::chrono::steady_clock::time_point begun_, logged_;
  LiveLine line_;
};

}  // namespace slm
