// Which windows of the training tokens are read, in which order: a pure function of (data_seed, epoch, position), so
// that a resumed run needs one integer to go on with the same data.
#pragma once

#include <cstdint>

namespace slm {

/// Windows of length T + 1 (T inputs and T targets shifted by one) at stride T, so that within an epoch no token is a
/// target twice. Each epoch shifts all windows by its own offset and reads them in its own order. Every epoch has the
/// same number of windows; under 2 T tokens at both ends together are left out of an epoch, other ones each time.
class BatchCursor {
 public:
  struct Place {
    int64_t epoch;
    int64_t position;  // within the epoch's order
  };

  /// Error (kData) naming the counts where there are fewer than T + 1 tokens. `sequence_length` is T >= 1.
  BatchCursor(int64_t token_count, int64_t sequence_length, uint64_t data_seed);

  int64_t sequence_length() const { return sequence_length_; }
  int64_t windows_per_epoch() const { return windows_per_epoch_; }

  /// The first token of the window: 0 <= start and start + T < token_count.
  int64_t window_start(int64_t epoch, int64_t position) const;

  /// Epoch and position of the n-th window since the training began (from 0).
  Place locate(int64_t global_window_index) const;

  /// `window_start` of `locate(global_window_index)`.
  int64_t global_window_start(int64_t global_window_index) const;

 private:
  int64_t token_count_;
  int64_t sequence_length_;
  int64_t windows_per_epoch_;
  uint64_t order_key_;
  uint64_t offset_key_;
};

}  // namespace slm
