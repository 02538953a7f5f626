#include "data/permutation.h"

#include <algorithm>
#include <bit>

#include "core/error.h"

namespace slm {

Permutation::Permutation(uint64_t key, uint64_t stream, uint64_t size)
    : rng_(key),
      stream_(stream),
      size_(size),
      half_bits_(std::max(1, (static_cast<int>(std::bit_width(size - 1)) + 1) / 2)) {
  SLM_CHECK(size > 0);
}

uint64_t Permutation::operator()(uint64_t index) const {
  SLM_CHECK(index < size_);
  uint64_t value = encrypt(index);
  while (value >= size_) value = encrypt(value);
  return value;
}

uint64_t Permutation::encrypt(uint64_t value) const {
  constexpr uint64_t kRounds = 8;  // four make it pseudo-random for large halves; small halves need more to mix
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t left = value >> half_bits_;
  uint64_t right = value & mask;
  for (uint64_t round = 0; round < kRounds; ++round) {
    const uint64_t mixed = left ^ (rng_.bits(stream_, (round << 32) | right) & mask);
    left = right;
    right = mixed;
  }
  return (left << half_bits_) | right;
}

}  // namespace slm
