// The loss of next tokens that follow another model's predictions beside their targets, together with its gradient, in
// the logits' own memory.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// float64 scalars, nats.
struct DistillationSums {
  at::Tensor loss;        // scale times the sum of (1 - w) * cross-entropy + w * divergence
  at::Tensor divergence;  // scale times the sum of KL(teacher || student)
};

struct DistillationTerms {
  double weight;  // w, 0 to 1
  double scale;
};

/// Knowledge distillation (Hinton et al. 2015, arXiv:1503.02531) over the whole vocabulary at temperature 1. With
/// p = softmax(teacher) and q = softmax(logits) the loss of a row is
///   (1 - w) * -log q[target] + w * sum of p (log p - log q), and its gradient q - (1 - w) onehot(target) - w p.
/// logits, teacher (M, V) float32 or bfloat16, targets (M) int64, 0 for a row whose target is kIgnoredTarget. `logits`
/// is overwritten with scale times the gradient. Sums are float32 within a row and float64 over the rows.
DistillationSums distillation_with_gradient(const at::Tensor& logits, const at::Tensor& teacher,
                                            const at::Tensor& targets, const DistillationTerms& terms);

}  // namespace slm
