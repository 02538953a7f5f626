#include "quantization/trainable_packed_linear.h"

#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/custom_function.h>

#include <ostream>

#include "core/error.h"
#include "kernels/fake_quantize.h"
#include "kernels/matrix_product.h"

namespace slm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What the backward pass needs of the layer beside tensors.
struct CodesHandle : torch::CustomClassHolder {
  explicit CodesHandle(std::shared_ptr<TrainableCodes> held) : codes(std::move(held)) {}
  std::shared_ptr<TrainableCodes> codes;
};

at::Tensor product_of(const at::Tensor& x, const TrainableCodes& codes, const at::Tensor& bias) {
  auto sizes = x.sizes().vec();
  sizes.back() = codes.rows();
  const auto rounded_bias = bias.defined() ? bias.to(x.scalar_type()) : bias;
  return product_with_transposed(x.reshape({-1, codes.columns()}), codes.values(x.scalar_type()), rounded_bias)
      .view(sizes);
}

class CodedProduct : public torch::autograd::Function<CodedProduct> {
 public:
  // `anchor` needs a gradient, so that the backward pass runs even where x needs none.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& /*anchor*/,
                            const std::optional<at::Tensor>& bias, const std::optional<at::Tensor>& gradient,
                            const c10::intrusive_ptr<CodesHandle>& handle) {
    if (gradient) {
      context->save_for_backward({x});
      context->saved_data["gradient"] = *gradient;
    }
    context->saved_data["codes"] = c10::IValue::make_capsule(handle);
    context->saved_data["has_bias"] = bias.has_value();
    return product_of(x, *handle->codes, bias.value_or(at::Tensor()));
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto capsule = context->saved_data["codes"].toCapsule();
    const auto& codes = *c10::static_intrusive_pointer_cast<CodesHandle>(capsule)->codes;
    const auto output = gradients[0].reshape({-1, codes.rows()});  // (M, N)
    if (const auto found = context->saved_data.find("gradient"); found != context->saved_data.end()) {
      const auto x = context->get_saved_variables()[0].reshape({-1, codes.columns()});
      add_transposed_product(found->second.toTensor(), output, x);
    }
    at::Tensor input, bias;
    if (context->needs_input_grad(0)) {
      auto sizes = gradients[0].sizes().vec();
      sizes.back() = codes.columns();
      input = product(output, codes.values(output.scalar_type())).view(sizes);
    }
    if (context->saved_data["has_bias"].toBool()) bias = output.sum(0, /*keepdim=*/false, at::kFloat);
    return {input, at::Tensor(), bias, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

TrainablePackedLinear::TrainablePackedLinear(const PackedLinear& layer, int residual_bits, at::Tensor gradient)
    : codes_(std::make_shared<TrainableCodes>(layer.weight(), residual_bits)),
      gradient_(std::move(gradient)),
      bias_(layer.bias()),
      activation_(layer.activation()) {
  SLM_CHECK(!gradient_.defined() || (gradient_.size(0) == codes_->rows() && gradient_.size(1) == codes_->columns()));
  if (bias_.defined()) register_parameter("bias", bias_, bias_.requires_grad());
}

at::Tensor TrainablePackedLinear::quantized(const at::Tensor& x) const {
  int64_t clipped = 0;
  switch (codes_->scheme().type) {
    case QuantizationType::kWeightOnly:
      return x;
    case QuantizationType::kDynamic:
      return fake_quantize_rows(x);
    case QuantizationType::kStatic:
      return fake_quantize_affine(x, *activation_, clipped);
  }
  SLM_CHECK(false);
  return {};
}

at::Tensor TrainablePackedLinear::forward(const at::Tensor& x) {
  const auto values = quantized(x);
  if (!at::GradMode::is_enabled()) return product_of(values, *codes_, bias_);
  const auto anchor = at::zeros({}).set_requires_grad(true);
  return CodedProduct::apply(values, anchor, bias_.defined() ? std::optional(bias_) : std::nullopt,
                             gradient_.defined() ? std::optional(gradient_) : std::nullopt,
                             c10::make_intrusive<CodesHandle>(codes_));
}

void keep_codes(Transformer& model) {
  const c10::NoGradGuard no_grad;
  model.visit_linears([](const std::string&, std::shared_ptr<Linear>& linear) {
    if (const auto packed = std::dynamic_pointer_cast<PackedLinear>(linear)) {
      linear = std::make_shared<TrainablePackedLinear>(*packed, /*residual_bits=*/0, /*gradient=*/at::Tensor());
    }
  });
}

PackedLinear TrainablePackedLinear::packed() const { return {codes_->weight(), bias_, activation_}; }

void TrainablePackedLinear::pretty_print(std::ostream& stream) const {
  stream << fmt::format("TrainablePackedLinear({} -> {}{}, {}, {} residual bits)", in_features(), out_features(),
                        bias_.defined() ? ", bias" : "", describe(codes_->scheme()), codes_->residual_bits());
}

}  // namespace slm
