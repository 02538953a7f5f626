// Head and loss of a training step, some tokens at a time, so that the logits of a whole micro-batch never exist: with
// a vocabulary of 50,257 they would be the largest tensor of the step.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/linear.h"

namespace slm {

inline constexpr int64_t kHeadChunk = 256;  // tokens that go through the head at a time

/// Another model over the same tokens, whose predictions are followed beside the targets (kernels/distillation.h).
struct HeadTeacher {
  Linear& head;
  at::Tensor hidden;  // that its head takes, (..., C)
  double weight;      // of its share of the loss, above 0
};

struct HeadLoss {
  at::Tensor loss;             // float64 scalar: scale times the sum of the tokens' losses, nats
  at::Tensor hidden_gradient;  // of `loss`, shaped as hidden
  at::Tensor divergence = {};  // float64 scalar: scale times the sum of KL(teacher || model); undefined without teacher
};

/// Loss of head(hidden) against `targets`, with the gradient of the hidden states; the gradient of the head's own
/// parameters is added to theirs. hidden (..., C), targets int64 (...) with kIgnoredTarget where there is none. `head`
/// is any Linear: each chunk of tokens goes through its forward and backward pass once. The size of the chunks is
/// fixed, because the head's gradient is a sum over them: another size would be another rounding. With a `teacher` the
/// cross-entropy gives way to the mixed loss of distillation; its logits, too, exist for a chunk at a time.
HeadLoss head_loss_with_gradient(Linear& head, const at::Tensor& hidden, const at::Tensor& targets, double scale,
                                 const HeadTeacher* teacher = nullptr);

}  // namespace slm
