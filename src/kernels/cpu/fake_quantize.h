// Loops of fake quantization while training: raw pointers, one thread's share. Float is float or Bfloat16.
#pragma once

#include <cstdint>

#include "kernels/cpu/quantize.h"

namespace slm::cpu {

/// The value of each element's code, rounded to Float.
template <class Float>
void fake_quantize_run(const float* x, int64_t count, const RunScale& run, Float* values);

/// The same of activations; inside[i] says whether x[i] lay within the codes' range. Returns how many did not.
template <class Float>
int64_t fake_quantize_activations(const Float* x, int64_t count, const RunScale& run, Float* values, bool* inside);

/// A row of activations under a scale of its own, amax / 127.
template <class Float>
void fake_quantize_row(const Float* x, int64_t count, Float* values);

/// Backward pass of a run with a learned scale: see fake_quantize_backward (kernels/fake_quantize.h).
double fake_quantize_backward_of_run(const float* x, int64_t count, const RunScale& run, float* gradient);

}  // namespace slm::cpu
