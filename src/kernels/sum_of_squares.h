// The sum of squares of a flat float32 buffer, for the gradient norm.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// Sum of x^2 in float64. Blocks of a fixed size are added up in their order, so the result does not depend on the
/// number of threads.
double sum_of_squares(const at::Tensor& flat);

}  // namespace slm
