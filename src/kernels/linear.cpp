#include "kernels/linear.h"

#include <ATen/ops/linear.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/leaf_gradient.h"
#include "kernels/matrix_product.h"

namespace slm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// (..., K) -> (..., N)
at::Tensor forward_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  auto sizes = x.sizes().vec();
  sizes.back() = weight.size(0);
  const auto rounded_bias = bias.defined() ? bias.to(x.scalar_type()) : bias;
  return product_with_transposed(x.reshape({-1, weight.size(1)}), weight, rounded_bias).view(sizes);
}

class LinearIntoGradient : public torch::autograd::Function<LinearIntoGradient> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
    context->save_for_backward({x, weight.detach()});
    context->saved_data["weight_gradient"] = weight.grad();
    if (bias) context->saved_data["bias_gradient"] = bias->grad();
    return forward_product(x, weight, bias.value_or(at::Tensor()));
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1];
    const auto output = gradients[0].reshape({-1, weight.size(0)});  // (M, N)
    add_transposed_product(context->saved_data["weight_gradient"].toTensor(), output, x.reshape({-1, weight.size(1)}));
    if (context->saved_data.count("bias_gradient") > 0) {
      context->saved_data["bias_gradient"].toTensor().add_(output.sum(0, /*keepdim=*/false, at::kFloat));
    }
    at::Tensor input;
    if (context->needs_input_grad(0)) input = product(output, weight).view(x.sizes());
    return {input, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor dense_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (at::GradMode::is_enabled() && has_preassigned_gradient(weight) &&
      (!bias.defined() || has_preassigned_gradient(bias))) {
    return LinearIntoGradient::apply(x, weight, bias.defined() ? std::optional(bias) : std::nullopt);
  }
  if (at::GradMode::is_enabled()) return at::linear(x, weight, bias.defined() ? bias.to(x.scalar_type()) : bias);
  return forward_product(x, weight, bias);
}

}  // namespace slm
