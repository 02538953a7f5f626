// Four-bit codes, eight to a 32-bit word: value q + 8, the lowest nibble first, as compressed-tensors stores them
// (its format "pack-quantized").
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// Words that a row of K codes takes: ceil(K / 8).
constexpr int64_t int4_words(int64_t columns) { return (columns + 7) / 8; }

/// Codes (N, K) int8 in [-8, 7] -> words (N, ceil(K / 8)) int32. What is left of a row's last word is 0.
at::Tensor pack_int4(const at::Tensor& codes);

/// Words (N, ceil(K / 8)) int32 -> codes (N, K) int8.
at::Tensor unpack_int4(const at::Tensor& words, int64_t columns);

}  // namespace slm
