// SIGINT and SIGTERM as a request to stop after the present step; a second one ends the process at once.
#pragma once

namespace slm {

/// Installs the handlers while it lives (one at a time) and restores the former ones. The first signal is recorded; one
/// that follows ends the process with `_exit(128 + n)`. Signals within 0.1 s of the first count as the same request,
/// because `timeout` and job schedulers signal a process and then its whole group. System calls are restarted.
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
