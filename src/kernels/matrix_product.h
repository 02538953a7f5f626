// The three matrix products of a linear layer, float32 or bfloat16, each by one of LibTorch's two libraries. MKL runs
// an AVX2 kernel on processors that are not Intel's; oneDNN compiles AVX-512 code for whatever has it, and is there 2.2
// times as fast (docs/log.md). On Intel's the two are equal, and MKL adds to its output in place.
// On a GPU it is cuBLAS, whichever of the two is asked for.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// Elements of a weight's gradient that are made at a time where they cannot be added in the product: they stay in
/// cache.
inline constexpr int64_t kGradientPieceElements = 1 << 20;

enum class MatrixLibrary { kMkl, kOneDnn };

/// A pure function of the processor.
MatrixLibrary matrix_library();

/// x w^T + bias: x (M, K), w (N, K), bias (N) or undefined; (M, N).
at::Tensor product_with_transposed(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                                   MatrixLibrary library = matrix_library());

/// y w: y (M, N), w (N, K); (M, K).
at::Tensor product(const at::Tensor& y, const at::Tensor& w, MatrixLibrary library = matrix_library());

/// sum += y^T x: sum (N, K) float32, y (M, N), x (M, K); bfloat16 products are rounded before they are added.
void add_transposed_product(const at::Tensor& sum, const at::Tensor& y, const at::Tensor& x,
                            MatrixLibrary library = matrix_library());

}  // namespace slm
