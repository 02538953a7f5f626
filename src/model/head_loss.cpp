#include "model/head_loss.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "kernels/cross_entropy.h"

namespace slm {

HeadLoss head_loss_with_gradient(Linear& head, const at::Tensor& hidden, const at::Tensor& targets, double scale) {
  const auto rows = hidden.detach().flatten(0, -2);           // (M, C)
  const auto wanted = targets.flatten().to(hidden.device());  // (M)
  HeadLoss result{at::zeros({}, hidden.options().dtype(at::kDouble)), at::empty_like(hidden.detach())};
  const auto gradient = result.hidden_gradient.view(rows.sizes());
  for (int64_t begin = 0; begin < rows.size(0); begin += kHeadChunk) {
    const int64_t count = std::min(kHeadChunk, rows.size(0) - begin);
    const c10::AutoGradMode with_gradients(true);
    const auto chunk = rows.narrow(0, begin, count).detach().set_requires_grad(true);
    const auto logits = head.forward(chunk);  // (count, V)
    // No layer's backward pass reads its output, so the gradient may take its place.
    const auto logits_gradient = logits.detach();
    result.loss += cross_entropy_with_gradient(logits_gradient, wanted.narrow(0, begin, count), scale);
    torch::autograd::backward({logits}, {logits_gradient});
    gradient.narrow(0, begin, count).copy_(chunk.grad());
  }
  return result;
}

}  // namespace slm
