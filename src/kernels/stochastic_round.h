// Rounding up or down by chance, so that on average nothing is lost: an update that is far smaller than a step still
// moves a stored whole number, with the probability of its share of the step (Gupta et al. 2015, arXiv:1502.02551).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace slm {

/// What the numbers are stored with.
struct StochasticGrid {
  int64_t group_size;  // neighbours of a row that share a scale
  int32_t parts;       // stored numbers to a code: a step is scale / parts
  int32_t max;         // of the stored numbers, which lie in [-max, max]
  uint64_t key;        // of the random numbers (derive_key)
  int64_t first;       // number of the first element among all that share the key
};

/// x * parts / scale, rounded up where u is below what floor cuts off, else down, and clamped; u is uniform in [0, 1)
/// by (key, number of the element). What is a stored number's value to 2^-21 becomes that number, whatever u. x (N, K)
/// float32, scales as of kernels/quantize.h; written to `stored` (N, K), int8 or int16. A NaN becomes -max.
void stochastic_round(const at::Tensor& x, const at::Tensor& scales, const StochasticGrid& grid,
                      const at::Tensor& stored);

/// The same numbers u as a float32 tensor (count): for the plain definition.
at::Tensor stochastic_uniforms(uint64_t key, int64_t first, int64_t count);

}  // namespace slm
