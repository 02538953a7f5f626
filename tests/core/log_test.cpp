#include "core/log.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "core/error_of.h"
#include "core/file.h"
#include "core/temporary_folder.h"

namespace slm {

namespace {

// What a process with a terminal shows for one warning.
std::string warning_on_terminal(const char* no_color) {
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    setenv("TERM", "xterm-256color", 1);
    no_color == nullptr ? unsetenv("NO_COLOR") : setenv("NO_COLOR", no_color, 1);
    init_log();
    log_warning("look");
    _exit(0);
  }
  std::string shown;
  char buffer[256];
  for (ssize_t got; (got = read(terminal, buffer, sizeof buffer)) > 0;) shown.append(buffer, static_cast<size_t>(got));
  waitpid(child, nullptr, 0);
  close(terminal);
  return shown;
}

}  // namespace

TEST(Log, LinesGoToStderrAndNeverToStdout) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  init_log();
  log_info("step {} of {{}}", 3);
  log_warning("{} is no placeholder here");
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_NE(shown.find("info: step 3 of {}\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("warning: {} is no placeholder here\n"), std::string::npos) << shown;
  EXPECT_EQ(shown.find('\x1b'), std::string::npos) << shown;
}

TEST(Log, AFileGetsEveryLineFromThenOnAndKeepsWhatItHad) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "log.txt", "earlier\n");
  testing::internal::CaptureStderr();
  log_info("before");
  add_log_file(folder / "log.txt");
  log_info("after");
  init_log();
  log_info("later");
  testing::internal::GetCapturedStderr();
  const std::string logged = read_file(folder / "log.txt");
  EXPECT_TRUE(logged.starts_with("earlier\n")) << logged;
  EXPECT_TRUE(logged.ends_with("info: after\n")) << logged;
  EXPECT_EQ(logged.find("before"), std::string::npos) << logged;
}

TEST(Log, AFileThatCannotBeOpenedIsNamed) {
  EXPECT_TRUE(message_of([] { add_log_file("/proc/none/log.txt"); }).starts_with("/proc/none/log.txt: "));
}

TEST(Log, ColoursOnlyATerminalThatDoesNotForbidThem) {
  EXPECT_NE(warning_on_terminal(nullptr).find('\x1b'), std::string::npos);
  EXPECT_NE(warning_on_terminal("").find('\x1b'), std::string::npos);
  const std::string plain = warning_on_terminal("1");
  EXPECT_EQ(plain.find('\x1b'), std::string::npos) << plain;
  EXPECT_NE(plain.find("look"), std::string::npos) << plain;
}

}  // namespace slm
