// Running the slm program in a test, as a person would.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/temporary_folder.h"

namespace slm {

struct ProcessResult {
  int exit_code = -1;  // 128 + n where signal n ended it
  std::string out, error;
};

/// A started program; its output goes to files until `wait`.
class Process {
 public:
  /// With `largest_file` no file of the program's may grow beyond that many bytes, as if the disk were full. `input` is
  /// its standard input; without it that of the test.
  explicit Process(const std::vector<std::string>& arguments, std::optional<uint64_t> largest_file = std::nullopt,
                   const std::optional<std::string>& input = std::nullopt);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void send(int signal) const;
  ProcessResult wait();

 private:
  TemporaryFolder folder_;
  int pid_ = -1;
};

/// `slm` with these arguments and this standard input, to its end.
ProcessResult run_slm(const std::vector<std::string>& arguments,
                      const std::optional<std::string>& input = std::nullopt);

/// A fresh folder for one test, removed with the object.
class TestFolder : public TemporaryFolder {
 public:
  /// Writes a file and returns its path.
  std::string file(const std::string& name, const std::string& content) const;
};

}  // namespace slm
