#include "kernels/onednn_int8.h"

#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/zeros.h>

namespace slm::onednn {

at::Tensor pack_weight(const at::Tensor& codes) {
  static const auto prepack = c10::Dispatcher::singleton().findSchemaOrThrow("onednn::qlinear_prepack", "");
  c10::Stack arguments{codes.contiguous(), c10::IValue()};  // no hint of how many rows x will have
  prepack.callBoxed(arguments);
  return arguments[0].toTensor();
}

at::Tensor unpack_weight(const at::Tensor& packed) { return packed.to_dense().t().contiguous(); }

at::Tensor product(const Bytes& x, const at::Tensor& packed, const at::Tensor& scales, const at::Tensor& bias,
                   at::ScalarType dtype) {
  using Signature = at::Tensor(at::Tensor, double, int64_t, at::Tensor, at::Tensor, at::Tensor,
                               std::optional<at::Tensor>, double, int64_t, std::optional<at::ScalarType>,
                               std::string_view, c10::List<std::optional<at::Scalar>>, std::string_view);
  static const auto linear =
      c10::Dispatcher::singleton().findSchemaOrThrow("onednn::qlinear_pointwise", "").typed<Signature>();
  const auto no_zero_points = at::zeros(scales.sizes(), scales.options().dtype(at::kInt));
  return linear.call(x.codes, x.scale, x.zero_point, packed, scales, no_zero_points,
                     bias.defined() ? std::optional(bias) : std::nullopt, /*output_scale=*/1.0,
                     /*output_zero_point=*/0, dtype, "none", c10::List<std::optional<at::Scalar>>(), "");
}

}  // namespace slm::onednn
