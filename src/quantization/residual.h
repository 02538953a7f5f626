// What codes lose of a weight: bits beside each code that remember where in the code's cell the weight lay. Inference
// never sees them; training begins with them, of the codes (trainable_codes.h) or of masters.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "quantization/quantized_weight.h"

namespace slm {

/// A residual of r bits belongs to a code q where q 2^r + residual, divided by 2^r and rounded (halves to even), is q
/// again, and lies within the outermost codes: so it is at most 2^(r - 1) in size, one less beside an odd code, and
/// never points outwards from the outermost code.
///
/// Residuals (N, K) of the weight (N, K) float32 (under gptq: of what it rounded): x - q 2^r, x being the nearest whole
/// number of steps s / 2^r to the weight, or where that belongs to another code (as that of a clipped weight does) the
/// one of q's own cell that is nearest to it. int8, or at 8 bits int16. bits: 2, 4 or 8.
at::Tensor residual_of(const at::Tensor& weight, const QuantizedWeight& quantized, int bits);

/// The weight (N, K) float32 that codes and residuals stand for, (q + residual / 2^bits) s; on the border of two cells
/// a little inside, so that it rounds to its code again.
at::Tensor dequantize_with_residual(const QuantizedWeight& quantized, const at::Tensor& residual, int bits);

/// The same residuals with another number of bits (0, 2, 4 or 8): more are exact; fewer are rounded to nearest, halves
/// to even, within the cell of the code.
at::Tensor convert_residual(const at::Tensor& residual, const QuantizedWeight& quantized, int from, int to);

/// Place of the first residual that does not belong to its code.
struct MatrixPlace {
  int64_t row, column;
};
std::optional<MatrixPlace> find_foreign_residual(const at::Tensor& residual, const QuantizedWeight& quantized,
                                                 int bits);

}  // namespace slm
