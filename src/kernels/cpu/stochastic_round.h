// Stochastic rounding on a CPU: raw pointers, one run of elements that share a scale.
#pragma once

#include <cstdint>

namespace slm::cpu {

/// What lies so near to a stored number, relatively, is that number, whatever its random number: the float32 value of a
/// stored number comes back as it was.
inline constexpr float kStochasticSnap = 0x1p-21f;

struct StochasticRun {
  float inverse_step;  // 1 / step, rounded once
  float max;           // of the stored numbers
  uint64_t key;
  int64_t first;  // number of the first element
};

/// Code is int8_t or int16_t.
template <class Code>
void stochastic_round(const float* x, int64_t count, const StochasticRun& run, Code* stored);

/// The random numbers, in [0, 1) with 24 bits, of elements first .. first + count - 1.
void stochastic_uniforms(uint64_t key, int64_t first, int64_t count, float* out);

}  // namespace slm::cpu
