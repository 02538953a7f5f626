#include "core/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <iterator>
#include <optional>

#include "core/error.h"

namespace slm {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kSameRequest = std::chrono::milliseconds(100);

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal_number : {SIGINT, SIGTERM}) sigaddset(&set, signal_number);
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  const sigset_t set = stop_signals();
  SLM_CHECK(pthread_sigmask(SIG_BLOCK, &set, &former_) == 0);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  end_ = eventfd(0, EFD_CLOEXEC);
  SLM_CHECK(signals_ >= 0 && end_ >= 0);
  watcher_ = std::thread([this] { watch(); });
}

StopSignals::~StopSignals() {
  const uint64_t one = 1;
  SLM_CHECK(write(end_, &one, sizeof(one)) == sizeof(one));
  watcher_.join();
  close(end_);
  close(signals_);
  pthread_sigmask(SIG_SETMASK, &former_, nullptr);
}

void StopSignals::watch() {
  std::optional<Clock::time_point> first;
  pollfd files[] = {{.fd = end_, .events = POLLIN, .revents = 0}, {.fd = signals_, .events = POLLIN, .revents = 0}};
  while (true) {
    if (poll(files, std::size(files), -1) < 0) continue;
    signalfd_siginfo info{};
    if (files[1].revents != 0 && read(signals_, &info, sizeof(info)) == sizeof(info)) {
      const auto signal_number = static_cast<int>(info.ssi_signo);
      if (first && Clock::now() - *first > kSameRequest) _exit(128 + signal_number);
      if (!first) requested_ = signal_number;
      if (!first) first = Clock::now();
    } else if (files[0].revents != 0) {
      return;
    }
  }
}

}  // namespace slm
