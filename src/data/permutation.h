// A random-looking order of 0 .. n - 1 that needs no table.
#pragma once

#include <cstdint>

#include "core/rng.h"

namespace slm {

/// A keyed bijection of [0, size): a balanced Feistel network (Luby, Rackoff 1988) on the next power of four, walked
/// along its cycle until it lands inside (Black, Rogaway 2002). `stream` chooses one of many orders of one key.
class Permutation {
 public:
  Permutation(uint64_t key, uint64_t stream, uint64_t size);
  /// Where `index` < size goes; under four rounds of the network on average.
  uint64_t operator()(uint64_t index) const;

 private:
  uint64_t encrypt(uint64_t value) const;

  CounterRng rng_;
  uint64_t stream_;
  uint64_t size_;
  int half_bits_;
};

}  // namespace slm
