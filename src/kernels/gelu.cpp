#include "kernels/gelu.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/cpu/gelu.h"
#include "kernels/float_types.h"
#include "kernels/plain.h"

namespace slm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kGrain = 1 << 14;  // elements worth a thread of their own

at::Tensor activated(const at::Tensor& x) {
  const auto out = at::empty_like(x);
  with_float_type(x.scalar_type(), [&]<class Float>(Float) {
    const auto* from = elements<const Float>(x);
    auto* to = elements<Float>(out);
    at::parallel_for(0, x.numel(), kGrain,
                     [&](int64_t begin, int64_t end) { cpu::gelu_new(from + begin, end - begin, to + begin); });
  });
  return out;
}

class GeluNew : public torch::autograd::Function<GeluNew> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    const auto input = x.contiguous();
    context->save_for_backward({input});
    return activated(input);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto x = context->get_saved_variables()[0], slope = gradients[0].contiguous(), out = at::empty_like(x);
    with_float_type(x.scalar_type(), [&]<class Float>(Float) {
      const auto *from = elements<const Float>(x), *dy = elements<const Float>(slope);
      auto* to = elements<Float>(out);
      at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
        cpu::gelu_new_backward(from + begin, dy + begin, end - begin, to + begin);
      });
    });
    return {out};
  }
};

}  // namespace

at::Tensor gelu_new(const at::Tensor& x) {
  if (!x.is_cpu()) return plain::gelu_new(x);
  return at::GradMode::is_enabled() ? GeluNew::apply(x) : activated(x.contiguous());
}

at::Tensor plain::gelu_new(const at::Tensor& x) { return at::gelu(x, "tanh"); }

}  // namespace slm
