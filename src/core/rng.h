// Counter-based random numbers: a value is a pure function of (key, counter), so that it does not depend on the order
// of drawing, on the number of threads or on whether a run was resumed.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace slm {

/// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// The words of `count` neighbouring blocks: word w of block (first + j) goes to words[w][j]. The same numbers as
/// philox4x32, many at a time.
void philox4x32_blocks(uint64_t key, uint64_t first, int64_t count, const std::array<uint32_t*, 4>& words);

/// A key for one purpose: streams of one seed under different purposes are independent.
uint64_t derive_key(uint64_t seed, std::string_view purpose);

/// Random access to the numbers of one key.
class CounterRng {
 public:
  explicit CounterRng(uint64_t key) : key_(key) {}

  /// 64 random bits at (high, low).
  uint64_t bits(uint64_t high, uint64_t low) const;
  /// Uniform in [0, 1), 53 bits.
  double uniform(uint64_t high, uint64_t low) const;

 private:
  uint64_t key_;
};

/// Draws one after the other; the position is the only state.
class RngStream {
 public:
  explicit RngStream(uint64_t key, uint64_t position = 0) : rng_(key), position_(position) {}

  uint64_t next_bits() { return rng_.bits(0, position_++); }
  double uniform() { return rng_.uniform(0, position_++); }
  /// Uniform in [0, bound) without bias; bound > 0.
  uint64_t below(uint64_t bound);
  uint64_t position() const { return position_; }

 private:
  CounterRng rng_;
  uint64_t position_;
};

}  // namespace slm
