#include "kernels/dropout.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/ones.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "kernels/cpu/dropout.h"
#include "kernels/float_types.h"

namespace slm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor masked(const at::Tensor& x, double p, uint64_t key, int64_t first_row) {
  const auto in = x.contiguous();
  auto out = at::empty_like(in);
  const int64_t rows = x.size(0), width = x.numel() / std::max<int64_t>(1, rows);
  const auto threshold = static_cast<uint32_t>(std::min(p * 0x1p32, 0x1p32 - 1));
  const auto scale = static_cast<float>(1.0 / (1.0 - p));
  with_float_type(x.scalar_type(), [&]<class Float>(Float) {
    const auto* from = elements<const Float>(in);
    auto* to = elements<Float>(out);
    at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        cpu::dropout(from + row * width, width, key, first_row + row, threshold, scale, to + row * width);
      }
    });
  });
  return out;
}

class Dropout : public torch::autograd::Function<Dropout> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, double p, int64_t key, int64_t first_row) {
    context->saved_data["p"] = p;
    context->saved_data["key"] = key;
    context->saved_data["first_row"] = first_row;
    return masked(x, p, static_cast<uint64_t>(key), first_row);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto key = static_cast<uint64_t>(context->saved_data["key"].toInt());
    const auto x =
        masked(gradients[0], context->saved_data["p"].toDouble(), key, context->saved_data["first_row"].toInt());
    return {x, {}, {}, {}};
  }
};

}  // namespace

at::Tensor dropout(const at::Tensor& x, double p, uint64_t key, int64_t first_row) {
  SLM_CHECK(p >= 0 && p < 1);
  if (!x.is_cpu()) {
    const auto mask = masked(at::ones(x.sizes()), p, key, first_row);  // drawn here, so that every device has the same
    return (x * mask.to(x.device())).to(x.scalar_type());
  }
  if (!at::GradMode::is_enabled()) return masked(x, p, key, first_row);
  return Dropout::apply(x, p, static_cast<int64_t>(key), first_row);
}

}  // namespace slm
