// The cross-entropy of next tokens.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

inline constexpr int64_t kIgnoredTarget = -100;  // a position without a loss, as in PyTorch

/// Sum over the scored positions of -log softmax(logits)[target], in nats: logits (..., V), targets int64 (...) with
/// kIgnoredTarget where there is none, on any device. Differentiable.
at::Tensor token_loss_sum(const at::Tensor& logits, const at::Tensor& targets);

}  // namespace slm
