// What is wrong with a config, gathered so that a person sees all of it at once.
#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace slm {

/// A place in a config file, or an override, which has no lines.
struct Location {
  std::string origin;  // the file's path, or override 'key=value'
  int line = 0;        // from 1; 0 for an override
  int column = 0;      // from 1, in bytes

  std::string text() const;
};

class Problems {
 public:
  /// Files are reported in the order in which they begin here.
  void begin_file(const std::string& origin) { files_.push_back(origin); }
  void add(const Location& at, std::string_view text);
  bool empty() const { return found_.empty(); }
  /// Throws one `Error` (kUsage) with a line for each problem: those of files by place, then those of overrides.
  [[noreturn]] void raise() const;

 private:
  struct Problem {
    Location at;
    std::string text;
  };
  /// Where a problem stands among the others.
  std::tuple<size_t, int, int> order_of(const Problem& problem) const;

  std::vector<std::string> files_;
  std::vector<Problem> found_;
};

}  // namespace slm
