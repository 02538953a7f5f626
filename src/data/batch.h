// A batch of windows, and the windows of an evaluation.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "data/token_file.h"

namespace slm {

/// Windows side by side, row-major (rows, length). targets[r][t] is the token that follows inputs[r][t].
struct Batch {
  int64_t rows = 0;
  int64_t length = 0;  // T
  std::vector<int64_t> inputs;
  std::vector<int64_t> targets;
};

/// One row for each start: tokens start .. start + length.
Batch read_windows(const TokenFile& tokens, std::span<const int64_t> starts, int64_t length);

/// Error (kData) naming the counts where `token_count` < `sequence_length` + 1; `role` is "training" or "validation".
void check_holds_a_window(std::string_view role, int64_t token_count, int64_t sequence_length);

/// Every whole window of a text in its order, without overlap: window i has inputs i T .. i T + T - 1. A tail shorter
/// than T targets is left out.
class EvaluationWindows {
 public:
  /// Error (kData) naming the counts where not even one window fits.
  EvaluationWindows(int64_t token_count, int64_t sequence_length);

  int64_t size() const { return size_; }
  int64_t sequence_length() const { return sequence_length_; }
  int64_t targets() const { return size_ * sequence_length_; }
  int64_t start(int64_t window) const { return window * sequence_length_; }

  /// Windows first .. min(first + rows, size()) - 1; the last batch of a text may have fewer rows.
  Batch batch(const TokenFile& tokens, int64_t first, int64_t rows) const;

 private:
  int64_t sequence_length_;
  int64_t size_;
};

}  // namespace slm
