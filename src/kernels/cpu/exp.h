// The exponential in a form that compilers vectorize.
#pragma once

#include <bit>
#include <cstdint>

namespace slm::cpu {

/// e^x for x <= 0 (what softmax needs), within 2 units in the last place; 0 below -87.3, NaN for NaN. Cody and Waite's
/// reduction to [-ln 2 / 2, ln 2 / 2], then a polynomial of degree 6 with the coefficients of the Taylor series, whose
/// remainder there is below 1.3e-7 of the value's last place's size.
inline float exp_of_negative(float x) {
  constexpr float kLog2E = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f, kRound = 12582912.0f;
  const float clamped = x < -87.3f ? -87.3f : x;
  const float n = (clamped * kLog2E + kRound) - kRound;
  const float r = (clamped - n * kLn2High) - n * kLn2Low;
  float p = 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.0f;
  const float power = std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
  return x < -87.3f ? 0.0f : p * power;
}

}  // namespace slm::cpu
