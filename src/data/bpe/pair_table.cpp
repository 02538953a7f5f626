#include "data/bpe/pair_table.h"

#include <algorithm>
#include <utility>

namespace slm {
namespace {

constexpr size_t kFirstSlots = 1 << 16;

size_t hash_of(TokenPair pair) {
  const uint64_t key =
      static_cast<uint64_t>(static_cast<uint32_t>(pair.left)) << 32 | static_cast<uint32_t>(pair.right);
  const uint64_t product = key * 0x9E3779B97F4A7C15;  // 2^64 / golden ratio
  return product ^ product >> 32;
}

}  // namespace

PairTable::Info& PairTable::operator[](TokenPair pair) {
  if (4 * (size_ + 1) > 3 * slots_.size()) grow();
  Info& info = slots_[find(pair)];
  if (info.pair.left == kNone) {
    info.pair = pair;
    ++size_;
  }
  return info;
}

size_t PairTable::find(TokenPair pair) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = hash_of(pair) & mask;
  while (slots_[slot].pair != pair && slots_[slot].pair.left != kNone) slot = (slot + 1) & mask;
  return slot;
}

void PairTable::grow() {
  std::vector<Info> old(std::max(kFirstSlots, 2 * slots_.size()));
  old.swap(slots_);
  for (const Info& info : old) {
    if (info.pair.left != kNone) slots_[find(info.pair)] = info;
  }
}

}  // namespace slm
