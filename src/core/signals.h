// SIGINT and SIGTERM as a request to stop after the present step; a second one ends the process at once.
#pragma once

#include <signal.h>

#include <atomic>
#include <thread>

namespace slm {

/// While it lives the signals are blocked, in this thread and in those that it starts, and a thread of its own waits
/// for them: to be made before any other thread is. No handler runs, because oneDNN's matrix products let the stack
/// pointer point into the heap for a while, where a handler's frame would overwrite what lies below. The first signal
/// is recorded; one that follows ends the process with `_exit(128 + n)`. Signals within 0.1 s of the first count as the
/// same request, because `timeout` and job schedulers signal a process and then its whole group.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The signal that asked to stop, or 0.
  int requested() const { return requested_; }

 private:
  void watch();

  std::atomic<int> requested_ = 0;
  sigset_t former_;
  int signals_ = -1, end_ = -1;  // descriptors: a signal came; the watcher is to end
  std::thread watcher_;
};

}  // namespace slm
