#include "core/signals.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "core/error.h"

namespace slm {

namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM};
constexpr int64_t kSameRequestNanoseconds = 100'000'000;

// A signal handler has no other way to be reached than objects of static storage.
std::atomic<int> first_signal = 0;
std::atomic<int64_t> first_time = 0;
std::atomic<bool> installed = false;
std::array<struct sigaction, kSignals.size()> former;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<int64_t>::is_always_lock_free);

int64_t now_nanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Calls only what signal-safety(7) allows.
void on_signal(int signal_number) {
  const int saved_errno = errno;
  int none = 0;
  if (first_signal.load() == 0) first_time.store(now_nanoseconds());
  if (!first_signal.compare_exchange_strong(none, signal_number) &&
      now_nanoseconds() - first_time.load() > kSameRequestNanoseconds) {
    _exit(128 + signal_number);
  }
  errno = saved_errno;
}

}  // namespace

StopSignals::StopSignals() {
  SLM_CHECK(!installed.exchange(true));
  first_signal = 0;
  struct sigaction action {};
  action.sa_handler = on_signal;
  // The loop asks `requested()`; libraries that know nothing of EINTR must not see their reads fail.
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal_number : kSignals) sigaddset(&action.sa_mask, signal_number);
  for (size_t i = 0; i < kSignals.size(); ++i) SLM_CHECK(sigaction(kSignals[i], &action, &former[i]) == 0);
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &former[i], nullptr);
  installed = false;
}

int StopSignals::requested() const { return first_signal.load(); }

}  // namespace slm
