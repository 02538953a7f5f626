#include "core/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace slm {

namespace {

// Runs `action` in a child process, which exits with its result; returns the status that waitpid gives.
int status_of_child(const std::function<int()>& action) {
  const pid_t child = fork();
  if (child == 0) _exit(action());
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

}  // namespace

TEST(StopSignals, TheFirstOneIsRecordedAndTheProcessGoesOn) {
  for (const int signal_number : {SIGINT, SIGTERM}) {
    const StopSignals signals;
    EXPECT_EQ(signals.requested(), 0);
    raise(signal_number);
    EXPECT_EQ(signals.requested(), signal_number);
  }
}

TEST(StopSignals, ALaterOneEndsTheProcessAtOnce) {
  const int status = status_of_child([] {
    const StopSignals signals;
    raise(SIGTERM);
    usleep(150'000);
    raise(SIGINT);
    return 1;
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGINT);
}

TEST(StopSignals, OneSentTwiceByASchedulerIsOneRequest) {
  const int status = status_of_child([] {
    const StopSignals signals;
    raise(SIGTERM);
    raise(SIGTERM);
    return signals.requested() == SIGTERM ? 7 : 1;
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(StopSignals, TheFormerHandlersComeBack) {
  const int status = status_of_child([] {
    signal(SIGTERM, SIG_DFL);
    { const StopSignals signals; }
    raise(SIGTERM);
    return 1;
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

}  // namespace slm
