// A linear layer over int8 weights and eight-bit activations: whole numbers are multiplied and summed exactly, in
// int32, and scales and bias come afterwards, in float32. One scale for the weight, or one for each of its rows.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/quantize.h"

namespace slm {

/// Whether this processor can do it, with sums over `in_features` products that stay inside of int32. Without VNNI,
/// sums of two products would saturate at 16 bits.
bool supports_int8_linear(int64_t in_features);

/// Codes (N, K) int8 in the layout that the product wants on this processor (an opaque tensor), and back, exactly.
at::Tensor pack_int8_weight(const at::Tensor& codes);
at::Tensor unpack_int8_weight(const at::Tensor& packed);

/// The layer: what its activations are multiplied by, and what comes afterwards.
struct Int8Layer {
  at::Tensor weight;     // packed; in the plain definition codes (N, K)
  at::Tensor scales;     // (1) or (N, 1) float32
  at::Tensor bias;       // (N) float32, or undefined
  at::ScalarType dtype;  // of the result: float32 or bfloat16, rounded once
};

/// Dynamic: y[m, n] = ((sum_k q_x q_w) s_w[n]) s_x[m] + b[n], (M, N).
at::Tensor int8_linear(const QuantizedRows& x, const Int8Layer& layer);

/// Static: y[m, n] = ((sum_k (q_x - z) q_w) s_x s_w[n]) + b[n] with codes (M, K) uint8.
at::Tensor int8_linear(const at::Tensor& codes, AffineScale scale, const Int8Layer& layer);

namespace plain {

/// The exact sums (M, N) int64 of any whole numbers, x (M, K) and w (N, K).
at::Tensor integer_product(const at::Tensor& x, const at::Tensor& w);

at::Tensor int8_linear(const QuantizedRows& x, const Int8Layer& layer);
at::Tensor int8_linear(const at::Tensor& codes, AffineScale scale, const Int8Layer& layer);

}  // namespace plain
}  // namespace slm
