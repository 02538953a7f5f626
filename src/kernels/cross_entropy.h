// The cross-entropy of next tokens together with its gradient, in the logits' own memory.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// Sum over the rows of -log softmax(logits)[target] in nats times `scale`, a float64 scalar: logits (M, V) float32 or
/// bfloat16, targets (M) int64 with kIgnoredTarget where there is none. `logits` is overwritten with the gradient of
/// that sum. Sums are float32 within a row and float64 over the rows, in their order, so the result does not depend on
/// the number of threads. NaN in a row gives NaN.
at::Tensor cross_entropy_with_gradient(const at::Tensor& logits, const at::Tensor& targets, double scale);

}  // namespace slm
