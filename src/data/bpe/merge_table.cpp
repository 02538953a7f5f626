#include "data/bpe/merge_table.h"

#include <bit>

#include "core/error.h"

namespace slm {

MergeTable::MergeTable(std::span<const BpeMerge> merges) {
  const size_t capacity = std::bit_ceil(2 * merges.size() + 2);  // half empty at least; two slots at least
  slots_.resize(capacity);
  mask_ = capacity - 1;
  shift_ = 64 - std::countr_zero(capacity);
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const uint64_t key = key_of(merges[rank].left, merges[rank].right);
    size_t i = slot_of(key);
    while (slots_[i].key != kEmpty) {
      SLM_CHECK(slots_[i].key != key);
      i = (i + 1) & mask_;
    }
    slots_[i] = {key, {static_cast<uint32_t>(rank), merges[rank].result}};
  }
}

}  // namespace slm
