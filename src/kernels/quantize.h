// Tensors through the quantizer (quantize_element.h): codes, the values that they stand for, and both in one.
//
// A matrix (N, K) has symmetric scales (float32) of one of three shapes: (1), one for all; (N, 1), one a row; or
// (N, G), one for each `group_size` neighbours of a row, G = ceil(K / group_size), where the last group may be short.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/quantize_element.h"

namespace slm {

/// The scale with which the largest of |x| just becomes the code range's end: amax / range.max, at least the smallest
/// normal float, so that 1 / s is finite; 1 where all is 0. NaN and infinity go through. amax float32, any shape. (The
/// largest float itself comes back as infinity at 8 bits, where 127 s is rounded up; every smaller one stays finite.)
at::Tensor symmetric_scales(const at::Tensor& amax, CodeRange range);

/// Largest |x| of what shares a scale: x (N, K) float32 -> (1) where `per_tensor`, else (N, ceil(K / group_size)).
at::Tensor largest_magnitude(const at::Tensor& x, bool per_tensor, int64_t group_size);

/// Codes (N, K) int8 of x (N, K) float32.
at::Tensor quantize(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range);

/// Values (N, K) float32 of codes (N, K) int8.
at::Tensor dequantize(const at::Tensor& codes, const at::Tensor& scales, int64_t group_size);

/// dequantize(quantize(x)) without the codes in between; the same bits.
at::Tensor fake_quantize(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range);

/// What shares a scale loses by it: sum of (x - x^)^2 in float64, shaped as `scales`; the same bits whatever the number
/// of threads.
at::Tensor squared_errors(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range);

/// Rows of activations (..., K), float32 or bfloat16, each with a scale of its own, chosen here: amax / 127.
struct QuantizedRows {
  at::Tensor codes;   // (M, K) int8
  at::Tensor scales;  // (M, 1) float32
};
QuantizedRows quantize_rows(const at::Tensor& x);

/// One scale and zero point for a whole tensor of activations, codes in [0, 255].
struct AffineScale {
  float scale = 1;
  int32_t zero_point = 0;

  bool operator==(const AffineScale&) const = default;
};

/// Range [low, high], widened to hold 0, on all of the codes: s = max((high - low) / 255, 2^-23),
/// z = clamp(0 - round(low / s), 0, 255), as torch.ao's observers have it.
AffineScale affine_scale(float low, float high);

/// Codes uint8, shaped as x, of activations float32 or bfloat16.
at::Tensor quantize_affine(const at::Tensor& x, AffineScale scale);
/// Values float32 of such codes.
at::Tensor dequantize_affine(const at::Tensor& codes, AffineScale scale);

}  // namespace slm
