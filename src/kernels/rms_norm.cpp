#include "kernels/rms_norm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "kernels/cpu/rms_norm.h"
#include "kernels/float_types.h"
#include "kernels/leaf_gradient.h"
#include "kernels/plain.h"

namespace slm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kRowBlock = 64;  // rows whose weight gradients are summed before they meet the others'

struct Normed {
  at::Tensor y, reciprocal;
};

Normed normalize(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const int64_t width = x.size(-1), rows = x.numel() / width;
  Normed result{at::empty_like(x), at::empty({rows})};
  with_float_type(x.scalar_type(), [&]<class Float>(Float) {
    const auto* in = elements<const Float>(x);
    auto* out = elements<Float>(result.y);
    const auto* scale = elements<const float>(weight);
    auto* reciprocal = elements<float>(result.reciprocal);
    at::parallel_for(0, rows, kRowBlock, [&](int64_t from, int64_t to) {
      cpu::rms_norm(in + from * width, scale, to - from, width, static_cast<float>(eps), out + from * width,
                    reciprocal + from);
    });
  });
  return result;
}

struct Gradients {
  at::Tensor x, weight;
};

Gradients gradients_of(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& reciprocal,
                       const at::Tensor& dy) {
  const int64_t width = x.size(-1), rows = x.numel() / width, blocks = (rows + kRowBlock - 1) / kRowBlock;
  Gradients result{at::empty_like(x), {}};
  const auto partial = at::zeros({blocks, width});
  with_float_type(x.scalar_type(), [&]<class Float>(Float) {
    const auto *in = elements<const Float>(x), *slope = elements<const Float>(dy);
    auto* out = elements<Float>(result.x);
    const auto *scale = elements<const float>(weight), *r = elements<const float>(reciprocal);
    auto* sums = elements<float>(partial);
    at::parallel_for(0, blocks, 1, [&](int64_t from, int64_t to) {
      for (int64_t block = from; block < to; ++block) {
        const int64_t row = block * kRowBlock, count = std::min(kRowBlock, rows - row);
        cpu::rms_norm_backward(in + row * width, scale, r + row, slope + row * width, count, width, out + row * width,
                               sums + block * width);
      }
    });
  });
  result.weight = partial.sum(0);
  return result;
}

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, double eps) {
    auto normed = normalize(x, weight, eps);
    context->save_for_backward({x, weight.detach(), normed.reciprocal});
    if (has_preassigned_gradient(weight)) context->saved_data["gradient"] = weight.grad();
    return normed.y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    auto found = gradients_of(saved[0], saved[1], saved[2], gradients[0].contiguous());
    const auto place = context->saved_data.find("gradient");
    if (place != context->saved_data.end()) {
      place->second.toTensor().add_(found.weight);
      found.weight.reset();
    }
    return {found.x, found.weight, {}};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  if (!x.is_cpu()) return plain::rms_norm(x, weight, eps);
  const auto rows = x.contiguous();
  if (!at::GradMode::is_enabled()) return normalize(rows, weight, eps).y;
  return RmsNorm::apply(rows, weight, eps);
}

}  // namespace slm
