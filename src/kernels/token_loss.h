// The cross-entropy of next tokens.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/ignored_target.h"

namespace slm {

/// Sum over the scored positions of -log softmax(logits)[target], in nats: logits (..., V), targets int64 (...) with
/// kIgnoredTarget where there is none, on any device. Differentiable.
at::Tensor token_loss_sum(const at::Tensor& logits, const at::Tensor& targets);

}  // namespace slm
