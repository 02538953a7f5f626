// Errors that a user can cause, and broken invariants that only a bug can cause.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace slm {

/// What the process exits with. 128 + n stands for "stopped by signal n after saving" and has no enumerator.
enum class ExitCode : int {
  kDone = 0,
  kFailed = 1,  // an I/O or other failure while working (disk full, ...)
  kUsage = 2,   // command line or config
  kData = 3,    // a file's content or format
  kOutOfMemory = 4,
  kDiverged = 5,
};

/// The one exception for everything that a user can cause and mend. The message says where, what was found, what was
/// expected and what to do.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// Throws `Error`. Example: `fail(ExitCode::kData, "{}: empty file; expected text", path.string())`.
template <typename... Args>
[[noreturn]] void fail(ExitCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

namespace detail {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

}  // namespace slm

/// A condition that only a bug in slm can break; never used on input.
#define SLM_CHECK(condition)                                                       \
  do {                                                                             \
    if (!(condition)) ::slm::detail::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
