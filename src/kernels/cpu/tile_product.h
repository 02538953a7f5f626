// The inner loop of float64 products in tiles that fit the registers.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace slm::cpu {

inline constexpr int64_t kTileRows = 4, kTileLanes = 16;

using ProductTile = std::array<std::array<double, kTileLanes>, kTileRows>;

/// tile[r][lane] = sum over i < count of factor(r, i) * lanes[i * kTileLanes + lane], from the first i to the last.
template <class Factor>
[[gnu::always_inline]] inline void tile_product(int64_t count, const Factor& factor, const double* lanes,
                                                ProductTile& tile) {
  // As vectors of the compiler's: from plain loops GCC 12 makes shuffles.
  constexpr int64_t kHalf = kTileLanes / 2;
  using Half [[gnu::vector_size(kHalf * sizeof(double))]] = double;
  std::array<Half, kTileRows> low{}, high{};
  for (int64_t i = 0; i < count; ++i, lanes += kTileLanes) {
    Half a, b;
    std::memcpy(&a, lanes, sizeof(a));
    std::memcpy(&b, lanes + kHalf, sizeof(b));
    for (int64_t r = 0; r < kTileRows; ++r) {
      low[r] += factor(r, i) * a;
      high[r] += factor(r, i) * b;
    }
  }
  for (int64_t r = 0; r < kTileRows; ++r) {
    std::memcpy(tile[r].data(), &low[r], sizeof(Half));
    std::memcpy(tile[r].data() + kHalf, &high[r], sizeof(Half));
  }
}

}  // namespace slm::cpu
