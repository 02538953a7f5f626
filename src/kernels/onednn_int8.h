// LibTorch's operators of oneDNN's product of bytes, which have no C++ declaration: the one place that knows their
// schemas.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm::onednn {

/// Codes (N, K) int8 as an opaque tensor in the layout that the product wants on this processor.
at::Tensor pack_weight(const at::Tensor& codes);

/// Back from there, exactly.
at::Tensor unpack_weight(const at::Tensor& packed);

/// Unsigned bytes with one scale and zero point for all.
struct Bytes {
  const at::Tensor& codes;  // (M, K) uint8
  double scale;
  int64_t zero_point;
};

/// (sum_k (q_x - z) q_w) s_x s_w + b, (M, N) of `dtype`: scales (1) or (N) float32, bias (N) float32 or undefined. The
/// sums are int32.
at::Tensor product(const Bytes& x, const at::Tensor& packed, const at::Tensor& scales, const at::Tensor& bias,
                   at::ScalarType dtype);

}  // namespace slm::onednn
