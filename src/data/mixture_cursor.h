// Which windows of which part of the training tokens are read, in which order: like the BatchCursor's a pure function
// of (data_seed, epoch, position).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/batch_cursor.h"
#include "data/permutation.h"

namespace slm {

struct MixturePart {
  int64_t tokens = 0;
  double weight = 1;
};

/// One part is read in its BatchCursor's order. Of several, an epoch has as many windows as all parts hold together;
/// each part gives the share of them that its weight says, rounded to whole windows, spread over the epoch by a keyed
/// permutation. So a part is read more or less than once in an epoch; but none of its windows comes again before all
/// of its others have come.
class MixtureCursor {
 public:
  struct Window {
    size_t part = 0;
    int64_t start = 0;  // its first token
  };

  /// Error (kData) where a part is shorter than a window of `sequence_length` + 1 tokens, or its share is no window.
  MixtureCursor(std::span<const MixturePart> parts, int64_t sequence_length, uint64_t data_seed);

  int64_t sequence_length() const { return cursors_.front().sequence_length(); }
  int64_t windows_per_epoch() const { return windows_per_epoch_; }
  /// How many of an epoch's windows are this part's.
  int64_t windows_of(size_t part) const { return ends_[part] - begin_of(part); }
  /// How many windows the part holds.
  int64_t windows_in(size_t part) const { return cursors_[part].windows_per_epoch(); }

  /// The n-th window since the training began (from 0).
  Window window(int64_t global_index) const;

 private:
  int64_t begin_of(size_t part) const { return part == 0 ? 0 : ends_[part - 1]; }

  std::vector<BatchCursor> cursors_;
  std::vector<int64_t> ends_;  // of the parts among the windows of an epoch before they are permuted
  int64_t windows_per_epoch_ = 0;
  uint64_t order_key_;
};

}  // namespace slm
