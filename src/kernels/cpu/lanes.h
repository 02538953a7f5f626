// Sums that compilers vectorize: independent lanes, joined in a fixed order.
#pragma once

#include <array>
#include <cstdint>

namespace slm::cpu {

/// term(0) + ... + term(count - 1) in float32, in 16 lanes.
template <class Term>
inline float sum_in_lanes(int64_t count, const Term& term) {
  constexpr int64_t kLanes = 16;
  std::array<float, kLanes> lanes{};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
  }
  for (; i < count; ++i) lanes[i % kLanes] += term(i);
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

}  // namespace slm::cpu
