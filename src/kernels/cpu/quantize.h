// Runs of elements that share a scale, on a CPU: raw pointers, one thread's share. Code is int8_t or uint8_t, Float is
// float or Bfloat16.
#pragma once

#include <cstdint>

#include "kernels/cpu/bfloat16.h"
#include "kernels/quantize_element.h"

namespace slm::cpu {

/// Scale and zero point of a run, and the codes that it may use.
struct RunScale {
  float scale;
  float zero_point;
  CodeRange range;
};

template <class Float, class Code>
void quantize_run(const Float* x, int64_t count, const RunScale& run, Code* codes);

/// A run with a scale of its own, amax / 127, which is returned.
template <class Float>
float quantize_row(const Float* x, int64_t count, int8_t* codes);

template <class Code>
void dequantize_run(const Code* codes, int64_t count, const RunScale& run, float* values);

/// Sum of (x - value of its code)^2 in float64.
double squared_error_of_run(const float* x, int64_t count, const RunScale& run);

}  // namespace slm::cpu
