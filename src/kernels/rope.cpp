#include "kernels/rope.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/cpu/rope.h"
#include "kernels/float_types.h"
#include "kernels/plain.h"

namespace slm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kGrain = 16;  // tokens worth a thread of their own

at::Tensor turned(const at::Tensor& given, const at::Tensor& cos, const at::Tensor& sin, float direction) {
  const auto x = given.stride(3) == 1 ? given : given.contiguous();
  const int64_t rows = x.size(0), heads = x.size(1), tokens = x.size(2), width = x.size(3), half = width / 2;
  const auto out = at::empty({rows, tokens, heads, width}, x.options());
  const int64_t row_of_angles = cos.dim() == 4 ? tokens * half : 0;  // the same for every row, or each its own
  const auto *c = elements<const float>(cos), *s = elements<const float>(sin);
  with_float_type(x.scalar_type(), [&]<class Float>(Float) {
    const auto* from = static_cast<const Float*>(x.data_ptr());
    auto* to = elements<Float>(out);
    at::parallel_for(0, rows * tokens, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = i / tokens, token = i % tokens, angle = row * row_of_angles + token * half;
        for (int64_t head = 0; head < heads; ++head) {
          cpu::rotate(from + row * x.stride(0) + head * x.stride(1) + token * x.stride(2), c + angle, s + angle, half,
                      direction, to + (i * heads + head) * width);
        }
      }
    });
  });
  return out.transpose(1, 2);
}

class Rotate : public torch::autograd::Function<Rotate> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& cos,
                            const at::Tensor& sin) {
    context->save_for_backward({cos, sin});
    return turned(x, cos, sin, 1.0f);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    return {turned(gradients[0], saved[0], saved[1], -1.0f), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  if (!x.is_cpu()) return plain::rotate(x, cos, sin);
  return c10::GradMode::is_enabled() ? Rotate::apply(x, cos, sin) : turned(x, cos, sin, 1.0f);
}

}  // namespace slm
