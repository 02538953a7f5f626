#include "quantization/packed_linear.h"

#include <ATen/ops/linear.h>
#include <fmt/format.h>

#include <ostream>

#include "core/error.h"
#include "quantization/pack_int4.h"

namespace slm {

PackedLinear::PackedLinear(const QuantizedWeight& weight, const at::Tensor& bias, std::optional<AffineScale> activation)
    : scheme_(weight.scheme),
      in_features_(weight.codes.size(1)),
      stored_(weight.scheme.bits == 4 ? pack_int4(weight.codes) : weight.codes),
      scales_(weight.scales),
      activation_(activation) {
  SLM_CHECK(activation.has_value() == (scheme_.type == QuantizationType::kStatic));
  if (bias.defined()) bias_ = register_parameter("bias", bias, /*requires_grad=*/false);
}

QuantizedWeight PackedLinear::weight() const {
  return {scheme_, scheme_.bits == 4 ? unpack_int4(stored_, in_features_) : stored_, scales_};
}

std::string_view PackedLinear::execution() const { return "dequantized float32"; }

at::Tensor PackedLinear::forward(const at::Tensor& x) {
  const auto rows = x.reshape({-1, in_features_});
  at::Tensor values;  // x^ (M, K) float32
  switch (scheme_.type) {
    case QuantizationType::kWeightOnly:
      values = rows.to(at::kFloat);
      break;
    case QuantizationType::kDynamic: {
      const auto quantized = quantize_rows(rows);
      values = dequantize(quantized.codes, quantized.scales, in_features_);
      break;
    }
    case QuantizationType::kStatic:
      values = dequantize_affine(quantize_affine(rows, *activation_), *activation_);
      break;
  }
  auto sizes = x.sizes().vec();
  sizes.back() = out_features();
  return at::linear(values, dequantize(weight()), bias_).to(x.scalar_type()).view(sizes);
}

void PackedLinear::pretty_print(std::ostream& stream) const {
  stream << fmt::format("PackedLinear({} -> {}{}, {})", in_features(), out_features(), bias_.defined() ? ", bias" : "",
                        describe(scheme_));
}

}  // namespace slm
