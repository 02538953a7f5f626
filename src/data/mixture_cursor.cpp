#include "data/mixture_cursor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/rng.h"

namespace slm {
namespace {

// Whole numbers that add up to `total` and differ from their shares by less than 1: the largest remainders are rounded
// up, the earlier of equal ones first (Hamilton's method).
std::vector<int64_t> apportion(int64_t total, std::span<const MixturePart> parts) {
  const double sum = std::accumulate(parts.begin(), parts.end(), 0.0,
                                     [](double before, const MixturePart& part) { return before + part.weight; });
  std::vector<int64_t> counts;
  std::vector<double> remainders;
  for (const MixturePart& part : parts) {
    const double share = static_cast<double>(total) * (part.weight / sum);
    counts.push_back(static_cast<int64_t>(std::floor(share)));
    remainders.push_back(share - std::floor(share));
  }
  std::vector<size_t> order(parts.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return remainders[a] > remainders[b]; });
  int64_t left = total - std::accumulate(counts.begin(), counts.end(), int64_t{0});
  for (size_t i = 0; left > 0; i = (i + 1) % order.size(), --left) ++counts[order[i]];
  return counts;
}

}  // namespace

MixtureCursor::MixtureCursor(std::span<const MixturePart> parts, int64_t sequence_length, uint64_t data_seed)
    : order_key_(derive_key(data_seed, "data.mixture")) {
  SLM_CHECK(!parts.empty());
  for (size_t i = 0; i < parts.size(); ++i) {
    const uint64_t seed = parts.size() == 1 ? data_seed : derive_key(data_seed, fmt::format("data.part {}", i));
    cursors_.emplace_back(parts[i].tokens, sequence_length, seed);
    windows_per_epoch_ += cursors_.back().windows_per_epoch();
  }
  int64_t end = 0;
  for (const int64_t count : apportion(windows_per_epoch_, parts)) {
    if (count == 0) {
      fail(ExitCode::kData,
           "data.train: the weight {} of entry {} gives it none of the {} windows of an epoch; raise it or leave the "
           "entry out",
           parts[ends_.size()].weight, ends_.size() + 1, windows_per_epoch_);
    }
    ends_.push_back(end += count);
  }
}

MixtureCursor::Window MixtureCursor::window(int64_t global_index) const {
  SLM_CHECK(global_index >= 0);
  if (cursors_.size() == 1) return {0, cursors_[0].global_window_start(global_index)};
  const int64_t epoch = global_index / windows_per_epoch_, position = global_index % windows_per_epoch_;
  const Permutation order(order_key_, static_cast<uint64_t>(epoch), static_cast<uint64_t>(windows_per_epoch_));
  const auto place = static_cast<int64_t>(order(static_cast<uint64_t>(position)));
  const auto part = static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), place) - ends_.begin());
  return {part, cursors_[part].global_window_start(epoch * windows_of(part) + place - begin_of(part))};
}

}  // namespace slm
