// The 256 numbers of an 8-bit optimizer state, block-wise dynamic quantization (Dettmers et al. 2021,
// arXiv:2110.02861): seven decades from 1e-7 to 1, each with twice as many numbers as the one below, so that small
// values keep their size and large ones their digits.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace slm {

/// Rising, within [-1, 1] or [0, 1]; a value is its number times the largest magnitude of its block.
using DynamicMap = std::array<float, 256>;

/// Decade d, from 10^(d - 7) to 10^(d - 6), is cut into 2^d parts (unsigned: 2^(d + 1)), whose middles are the numbers;
/// signed their negatives too; beside them 0 and 1.
constexpr DynamicMap make_dynamic_map(bool is_signed) {
  constexpr std::array<double, 7> kDecades{1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
  DynamicMap map{};
  size_t size = 0;
  for (size_t decade = 0; decade < kDecades.size(); ++decade) {
    const size_t parts = size_t{is_signed ? 1u : 2u} << decade;
    for (size_t part = 0; part < parts; ++part) {
      const double middle = 0.1 + 0.9 * (static_cast<double>(part) + 0.5) / static_cast<double>(parts);
      const auto number = static_cast<float>(kDecades[decade] * middle);
      map[size++] = number;
      if (is_signed) map[size++] = -number;
    }
  }
  map[size++] = 0;
  map[size++] = 1;
  std::sort(map.begin(), map.end());
  return map;
}

/// Of the first moment; 0 has the code kSignedZero.
inline constexpr DynamicMap kSignedMap = make_dynamic_map(true);
inline constexpr unsigned char kSignedZero = 127;
/// Of the second moment; 0 has the code 0.
inline constexpr DynamicMap kUnsignedMap = make_dynamic_map(false);

static_assert(kSignedMap[kSignedZero] == 0 && kSignedMap[255] == 1 && kUnsignedMap[0] == 0 && kUnsignedMap[255] == 1);

}  // namespace slm
