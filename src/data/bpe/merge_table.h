// Which neighbouring tokens become one, and in which order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace slm {

/// The tokens `left` and `right`, side by side, become `result`.
struct BpeMerge {
  int32_t left, right, result;

  bool operator==(const BpeMerge&) const = default;
};

/// An open-addressing table from the pair (left, right) to the merge's rank and result.
class MergeTable {
 public:
  static constexpr uint32_t kNoRank = UINT32_MAX;

  struct Found {
    uint32_t rank = kNoRank;  // place in the list of merges: the lowest is merged first
    int32_t id = -1;          // of the result
  };

  /// No pair may stand twice in `merges`.
  explicit MergeTable(std::span<const BpeMerge> merges);

  /// Rank kNoRank where the two do not merge.
  Found find(int32_t left, int32_t right) const {
    const uint64_t key = key_of(left, right);
    for (size_t i = slot_of(key);; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return slots_[i].found;
      if (slots_[i].key == kEmpty) return {};
    }
  }

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;

  struct Slot {
    uint64_t key = kEmpty;
    Found found;
  };

  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t slot_of(uint64_t key) const { return (key * 0x9E3779B97F4A7C15) >> shift_; }

  std::vector<Slot> slots_;
  size_t mask_ = 0;
  int shift_ = 0;
};

}  // namespace slm
