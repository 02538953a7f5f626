// A row of sums times its scale, on a CPU.
#pragma once

#include <cstdint>

namespace slm::cpu {

/// y = sums * scale + bias, each product and sum rounded to float32 and then to Float (float or Bfloat16); `bias` null
/// for none.
template <class Float>
void scale_row(const float* sums, int64_t count, float scale, const float* bias, Float* y);

}  // namespace slm::cpu
