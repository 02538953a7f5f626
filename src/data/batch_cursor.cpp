#include "data/batch_cursor.h"

#include <algorithm>

#include "core/error.h"
#include "core/rng.h"
#include "data/batch.h"
#include "data/permutation.h"

namespace slm {

BatchCursor::BatchCursor(int64_t token_count, int64_t sequence_length, uint64_t data_seed)
    : token_count_(token_count),
      sequence_length_(sequence_length),
      order_key_(derive_key(data_seed, "data.order")),
      offset_key_(derive_key(data_seed, "data.offset")) {
  check_holds_a_window("training", token_count, sequence_length);
  // So many that the last one still fits under every offset 0 .. T - 1.
  windows_per_epoch_ = std::max<int64_t>(1, (token_count - sequence_length) / sequence_length);
}

int64_t BatchCursor::window_start(int64_t epoch, int64_t position) const {
  SLM_CHECK(epoch >= 0 && position >= 0 && position < windows_per_epoch_);
  const auto offsets = static_cast<uint64_t>(token_count_ - windows_per_epoch_ * sequence_length_);
  // The remainder of 64 random bits favours no offset by more than offsets / 2^64.
  const uint64_t offset = CounterRng(offset_key_).bits(0, static_cast<uint64_t>(epoch)) % offsets;
  const Permutation order(order_key_, static_cast<uint64_t>(epoch), static_cast<uint64_t>(windows_per_epoch_));
  const uint64_t window = order(static_cast<uint64_t>(position));
  return static_cast<int64_t>(offset) + static_cast<int64_t>(window) * sequence_length_;
}

BatchCursor::Place BatchCursor::locate(int64_t global_window_index) const {
  SLM_CHECK(global_window_index >= 0);
  return {global_window_index / windows_per_epoch_, global_window_index % windows_per_epoch_};
}

int64_t BatchCursor::global_window_start(int64_t global_window_index) const {
  const Place place = locate(global_window_index);
  return window_start(place.epoch, place.position);
}

}  // namespace slm
