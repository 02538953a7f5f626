// The ids of short pieces that were merged before.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "data/bpe/piece_key.h"

namespace slm {

/// One place a piece, by its hash; a newer piece takes the place of an older one. For one thread.
class PieceCache {
 public:
  PieceCache() : slots_(kSlots) {}

  /// The ids of the piece, or nothing. A piece has at least one.
  std::span<const int32_t> find(const PieceKey& key, uint64_t hash) const {
    const Slot& slot = slots_[hash & (kSlots - 1)];
    if (!(slot.key == key)) return {};
    return std::span(slot.ids).first(slot.count);
  }

  /// Keeps the ids, if they are few enough.
  void put(const PieceKey& key, uint64_t hash, std::span<const int32_t> ids) {
    if (ids.size() > kMostIds) return;
    Slot& slot = slots_[hash & (kSlots - 1)];
    slot.key = key;
    slot.count = static_cast<uint32_t>(ids.size());
    std::copy(ids.begin(), ids.end(), slot.ids.begin());
  }

 private:
  static constexpr size_t kSlots = 1 << 14;
  static constexpr size_t kMostIds = 11;

  struct alignas(64) Slot {  // a cache line
    PieceKey key;
    uint32_t count = 0;
    std::array<int32_t, kMostIds> ids;
  };

  std::vector<Slot> slots_;
};

}  // namespace slm
