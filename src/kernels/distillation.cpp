#include "kernels/distillation.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/kl_div.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/nll_loss.h>
#include <c10/core/GradMode.h>

#include "core/ignored_target.h"

namespace slm {

DistillationSums distillation_with_gradient(const at::Tensor& logits, const at::Tensor& teacher,
                                            const at::Tensor& targets, const DistillationTerms& terms) {
  const c10::NoGradGuard no_grad;
  const auto [w, scale] = terms;
  const auto ignored = targets == kIgnoredTarget;              // (M)
  const auto log_q = at::log_softmax(logits, 1, at::kFloat);   // (M, V)
  const auto log_p = at::log_softmax(teacher, 1, at::kFloat);  // (M, V)
  const auto losses = at::nll_loss(log_q, targets, {}, at::Reduction::None, kIgnoredTarget);
  const auto divergences =
      at::kl_div(log_q, log_p, at::Reduction::None, /*log_target=*/true).sum(1).masked_fill_(ignored, 0);
  auto gradient = at::exp(log_q).sub_(at::exp(log_p), w);
  const auto column = targets.masked_fill(ignored, 0).unsqueeze(1);  // (M, 1)
  gradient.scatter_add_(1, column, at::full_like(column, w - 1, gradient.options()));
  logits.copy_(gradient.mul_(scale).masked_fill_(ignored.unsqueeze(1), 0));
  const auto divergence = divergences.sum(at::kDouble) * scale;
  return {losses.sum(at::kDouble) * (scale * (1 - w)) + divergence * w, divergence};
}

}  // namespace slm
