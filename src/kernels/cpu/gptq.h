// GPTQ's sweep over rows of a weight, one thread's share, in float64. See quantization/gptq.h.
#pragma once

#include <cstdint>

#include "kernels/cpu/tile_product.h"
#include "kernels/quantize_element.h"

namespace slm::cpu {

inline constexpr int64_t kSweepRows = kTileLanes;  // rows that go through the columns together

/// What all rows share.
struct Sweep {
  int64_t columns;                   // K
  const double* factor;              // (K, K): U with U^T U = the Hessian of the columns in `order`
  const int64_t* order;              // (K): the column at each place; the last place is rounded first
  int64_t group_size, scales_a_row;  // neighbours that share a scale; 0 scales a row: one for all
  CodeRange range;
};

/// Codes of `rows` <= kSweepRows rows of `weight`, whose first scale is *scales; `rounded`, if not null, gets the
/// numbers that were rounded to them. `errors` (columns, kSweepRows) is scratch.
void sweep_rows(const Sweep& sweep, const float* weight, int64_t rows, const float* scales, double* errors,
                int8_t* codes, float* rounded);

}  // namespace slm::cpu
