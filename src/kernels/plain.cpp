#include "kernels/plain.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/_log_softmax_backward_data.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/nll_loss.h>
#include <ATen/ops/nll_loss_backward.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>

#include <array>

#include "kernels/token_loss.h"

namespace slm::plain {

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return at::rms_norm(x.to(at::kFloat), weight.sizes(), weight, eps).to(x.scalar_type());
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  return (at::silu(gate.to(at::kFloat)) * up.to(at::kFloat)).to(gate.scalar_type());
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const int64_t half = x.size(3) / 2;
  const auto wide = x.to(at::kFloat), low = wide.narrow(3, 0, half), high = wide.narrow(3, half, half);
  const std::array<at::Tensor, 2> rotated{low * cos - high * sin, high * cos + low * sin};
  return at::cat(rotated, 3).to(x.scalar_type());
}

at::Tensor cross_entropy_with_gradient(const at::Tensor& logits, const at::Tensor& targets, double scale) {
  const auto log_p = at::log_softmax(logits, 1, at::kFloat);  // (M, V)
  const auto losses = at::nll_loss(log_p, targets, {}, at::Reduction::None, kIgnoredTarget);
  const auto unused_weight = at::zeros({}, losses.options());
  const auto inner = at::nll_loss_backward(at::full_like(losses, scale), log_p, targets, {}, at::Reduction::None,
                                           kIgnoredTarget, unused_weight);
  logits.copy_(at::_log_softmax_backward_data(inner, log_p, 1, at::kFloat));
  return losses.sum(at::kDouble) * scale;
}

double sum_of_squares(const at::Tensor& flat) { return flat.to(at::kDouble).square_().sum().item<double>(); }

}  // namespace slm::plain
