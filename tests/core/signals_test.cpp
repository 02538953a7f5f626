#include "core/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

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

// To the process, as others send it; returns what is requested once that has arrived.
int request_after(const StopSignals& signals, int signal_number) {
  kill(getpid(), signal_number);
  for (int i = 0; i < 5000 && signals.requested() == 0; ++i) usleep(1000);
  return signals.requested();
}

}  // namespace

TEST(StopSignals, TheFirstOneIsRecordedAndTheProcessGoesOn) {
  for (const int signal_number : {SIGINT, SIGTERM}) {
    const StopSignals signals;
    EXPECT_EQ(signals.requested(), 0);
    EXPECT_EQ(request_after(signals, signal_number), signal_number);
  }
}

TEST(StopSignals, ALaterOneEndsTheProcessAtOnce) {
  const int status = status_of_child([] {
    const StopSignals signals;
    request_after(signals, SIGTERM);
    usleep(150'000);
    kill(getpid(), SIGINT);
    sleep(5);
    return 1;
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGINT);
}

TEST(StopSignals, OneSentTwiceByASchedulerIsOneRequest) {
  const int status = status_of_child([] {
    const StopSignals signals;
    request_after(signals, SIGTERM);
    kill(getpid(), SIGTERM);
    usleep(20'000);
    return signals.requested() == SIGTERM ? 7 : 1;
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

// A handler's frame would lie where the stack pointer points: below a buffer of oneDNN's.
TEST(StopSignals, RunNoHandlerInTheThreadsThatCompute) {
  const StopSignals signals;
  sigset_t blocked;
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  std::thread other([&] {
    sigset_t inherited;
    pthread_sigmask(SIG_BLOCK, nullptr, &inherited);
    EXPECT_TRUE(sigismember(&inherited, SIGTERM) == 1 && sigismember(&inherited, SIGINT) == 1);
  });
  other.join();
  EXPECT_TRUE(sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGINT) == 1);
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
