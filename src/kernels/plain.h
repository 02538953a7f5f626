// The plain definitions of operations that have a kernel of our own on the CPU, in LibTorch's operators: what a GPU
// takes, and what the kernels are tested against. Same arguments and results as the functions of the same name beside;
// arithmetic is float32 and each result is rounded once. Differentiable down to causal_attention.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/quantize.h"
#include "kernels/stochastic_round.h"

namespace slm::plain {

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);
at::Tensor gelu_new(const at::Tensor& x);
at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);
at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
at::Tensor cross_entropy_with_gradient(const at::Tensor& logits, const at::Tensor& targets, double scale);
double sum_of_squares(const at::Tensor& flat);

at::Tensor quantize(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range);
at::Tensor dequantize(const at::Tensor& codes, const at::Tensor& scales, int64_t group_size);
at::Tensor squared_errors(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range);
QuantizedRows quantize_rows(const at::Tensor& x);
at::Tensor quantize_affine(const at::Tensor& x, AffineScale scale);
at::Tensor fake_quantize_backward(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range,
                                  const at::Tensor& gradient);
at::Tensor fake_quantize_affine(const at::Tensor& x, AffineScale scale);
at::Tensor fake_quantize_rows(const at::Tensor& x);
/// The stored numbers (N, K) int16.
at::Tensor stochastic_round(const at::Tensor& x, const at::Tensor& scales, const StochasticGrid& grid);

}  // namespace slm::plain
