#include "cli/process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/file.h"

namespace slm {
namespace fs = std::filesystem;
namespace {

void redirect(int descriptor, const fs::path& file, int flags = O_WRONLY | O_CREAT | O_TRUNC) {
  const int opened = open(file.c_str(), flags, 0600);
  dup2(opened, descriptor);
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, std::optional<uint64_t> largest_file,
                 const std::optional<std::string>& input) {
  std::vector<char*> argv{const_cast<char*>(SLM_BINARY)};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const fs::path in = folder_ / "in", out = folder_ / "out", error = folder_ / "error";
  if (input) write_file_atomically(in, *input);
  pid_ = fork();
  if (pid_ != 0) return;
  if (input) redirect(STDIN_FILENO, in, O_RDONLY);
  redirect(STDOUT_FILENO, out);
  redirect(STDERR_FILENO, error);
  if (largest_file) {
    const rlimit limit{*largest_file, *largest_file};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  execv(SLM_BINARY, argv.data());
  _exit(127);
}

Process::~Process() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Process::send(int signal) const { kill(pid_, signal); }

ProcessResult Process::wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(folder_ / "out"),
          read_file(folder_ / "error")};
}

ProcessResult run_slm(const std::vector<std::string>& arguments, const std::optional<std::string>& input) {
  return Process(arguments, std::nullopt, input).wait();
}

std::string TestFolder::file(const std::string& name, const std::string& content) const {
  write_file_atomically(*this / name, content);
  return (*this / name).string();
}

}  // namespace slm
