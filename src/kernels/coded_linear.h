// A linear layer over a weight's codes, for a few rows of x: decoding a text token by token reads the weight once for
// each token, so that what counts is how few bytes it has.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// A weight (N, K) as codes and float32 scales.
struct CodedWeight {
  at::Tensor codes;     // (N, K) int8, or (N, ceil(K / 8)) int32: eight 4-bit codes q + 8 a word, lowest nibble first
  at::Tensor scales;    // (1), (N, 1) or (N, G)
  int64_t in_features;  // K
  int64_t group_size;   // neighbours of a row that share a scale; K where there is one a row or one for all
};

/// Whether coded_linear can multiply it, and is faster with `rows` rows of x than a product with the float weight that
/// has to be made first: on a CPU, and groups of 4-bit codes are whole words.
bool supports_coded_linear(const CodedWeight& weight, int64_t rows);

/// x W^^T + b: x (M, K) and the result (M, N) float32, bias (N) float32 or undefined. Not differentiable.
at::Tensor coded_linear(const at::Tensor& x, const CodedWeight& weight, const at::Tensor& bias);

}  // namespace slm
