#include "model/head_loss.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "kernels/cross_entropy.h"
#include "kernels/distillation.h"

namespace slm {
namespace {

at::Tensor logits_of_rows(const HeadTeacher& teacher, int64_t begin, int64_t count) {
  const c10::NoGradGuard no_grad;
  return teacher.head.forward(teacher.hidden.flatten(0, -2).narrow(0, begin, count));  // (count, V)
}

}  // namespace

HeadLoss head_loss_with_gradient(Linear& head, const at::Tensor& hidden, const at::Tensor& targets, double scale,
                                 const HeadTeacher* teacher) {
  const auto rows = hidden.detach().flatten(0, -2);           // (M, C)
  const auto wanted = targets.flatten().to(hidden.device());  // (M)
  const auto zero = [&] { return at::zeros({}, hidden.options().dtype(at::kDouble)); };
  HeadLoss result{zero(), at::empty_like(hidden.detach()), teacher ? zero() : at::Tensor()};
  const auto gradient = result.hidden_gradient.view(rows.sizes());
  for (int64_t begin = 0; begin < rows.size(0); begin += kHeadChunk) {
    const int64_t count = std::min(kHeadChunk, rows.size(0) - begin);
    const c10::AutoGradMode with_gradients(true);
    const auto chunk = rows.narrow(0, begin, count).detach().set_requires_grad(true);
    const auto logits = head.forward(chunk);  // (count, V)
    // No layer's backward pass reads its output, so the gradient may take its place; autograd need not know of it.
    const auto logits_gradient = logits.variable_data();
    const auto chunk_targets = wanted.narrow(0, begin, count);
    if (teacher) {
      const auto sums = distillation_with_gradient(logits_gradient, logits_of_rows(*teacher, begin, count),
                                                   chunk_targets, {.weight = teacher->weight, .scale = scale});
      result.loss += sums.loss;
      result.divergence += sums.divergence;
    } else {
      result.loss += cross_entropy_with_gradient(logits_gradient, chunk_targets, scale);
    }
    torch::autograd::backward({logits}, {logits_gradient});
    gradient.narrow(0, begin, count).copy_(chunk.grad());
  }
  return result;
}

}  // namespace slm
