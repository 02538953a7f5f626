// What a person sees while a run trains: one live line on a terminal, plain lines elsewhere. On stderr.
#pragma once

#include <cstdint>
#include <string>

#include "core/live_line.h"

namespace slm {

/// One step as it is shown and logged.
struct StepReport {
  int64_t step = 0, total_steps = 0;
  double loss = 0, gradient_norm = 0, learning_rate = 0;
  double tokens_per_second = 0;
  double memory_mib = 0;  // in use on the device, now
  double seconds_left = 0;
  std::string dtype = "float32";  // of the matrix products
};

/// "step 120/2000  loss 2.4312  |g| 0.81  lr 5.9e-04  16.4k tok/s  MFU ? (float32)  312 MiB  ETA 1m52s"
std::string format_report(const StepReport& report);

class ProgressLine {
 public:
  /// Redraws the live line, at most ten times a second; elsewhere prints only where `logged`.
  void update(const StepReport& report, bool logged);
  /// Removes the live line, so that other lines can be printed.
  void clear() { line_.clear(); }

 private:
  LiveLine line_;
};

}  // namespace slm
