// SIGINT and SIGTERM as a request to stop after the present step; a second one ends the process at once.
#pragma once

namespace slm {

/// Installs the handlers while it lives (one at a time) and restores the former ones.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The signal that asked to stop, or 0.
  int requested() const;
};

}  // namespace slm
