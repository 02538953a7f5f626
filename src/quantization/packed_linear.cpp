#include "quantization/packed_linear.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "core/cpu_features.h"
#include "core/error.h"
#include "kernels/int8_linear.h"
#include "kernels/matrix_product.h"
#include "quantization/pack_int4.h"

namespace slm {
namespace {

constexpr int64_t kPanelElements = 1 << 20;  // float weights that exist at a time: they stay in the cache

bool is_wanted(const at::Tensor& gradient_of) { return at::GradMode::is_enabled() && gradient_of.requires_grad(); }

}  // namespace

PackedLinear::PackedLinear(const QuantizedWeight& weight, const at::Tensor& bias, std::optional<AffineScale> activation)
    : scheme_(weight.scheme),
      in_features_(weight.codes.size(1)),
      out_features_(weight.codes.size(0)),
      stored_(weight.scheme.bits == 4 ? pack_int4(weight.codes) : weight.codes),
      scales_(weight.scales),
      activation_(activation) {
  SLM_CHECK(activation.has_value() == (scheme_.type == QuantizationType::kStatic));
  if (bias.defined()) bias_ = register_parameter("bias", bias, /*requires_grad=*/false);
}

at::Tensor PackedLinear::stored_codes() const { return packed_.defined() ? unpack_int8_weight(packed_) : stored_; }

QuantizedWeight PackedLinear::weight() const {
  const auto codes = stored_codes();
  return {scheme_, scheme_.bits == 4 ? unpack_int4(codes, in_features_) : codes, scales_};
}

at::Tensor PackedLinear::float_bias() const { return bias_.defined() ? bias_.to(at::kFloat) : bias_; }

CodedWeight PackedLinear::coded_weight() const {
  return {stored_, scales_, in_features_, scheme_.run_length(in_features_)};
}

bool PackedLinear::multiplies_integers() const {
  return scheme_.bits == 8 && scheme_.granularity != Granularity::kPerGroup &&
         scheme_.type != QuantizationType::kWeightOnly && scales_.is_cpu() && supports_int8_linear(in_features_);
}

std::string PackedLinear::execution() const {
  const auto what = fmt::format("int{} {}, ", scheme_.bits, name_of(scheme_.type));
  if (multiplies_integers()) return what + (multiplies_int8_in_tiles() ? "oneDNN AMX" : "oneDNN VNNI");
  return what + (supports_coded_linear(coded_weight(), 1) ? "fused" : "dequantized float32");
}

void PackedLinear::lay_out() {
  if (packed_.defined() || !multiplies_integers()) return;
  packed_ = pack_int8_weight(stored_);
  stored_.reset();
}

at::Tensor PackedLinear::forward(const at::Tensor& x) {
  if (is_wanted(x)) return plain_forward(x);
  const auto rows = x.reshape({x.numel() / in_features_, in_features_});
  auto sizes = x.sizes().vec();
  sizes.back() = out_features_;
  if (multiplies_integers()) return integer_product(rows).view(sizes);
  const auto values = quantized_values(rows), bias = float_bias();
  const auto y = supports_coded_linear(coded_weight(), rows.size(0)) ? coded_linear(values, coded_weight(), bias)
                                                                     : product_by_panels(values);
  return y.to(x.scalar_type()).view(sizes);
}

at::Tensor PackedLinear::plain_forward(const at::Tensor& x) const {
  const auto values = quantized_values(x.reshape({x.numel() / in_features_, in_features_}));
  auto sizes = x.sizes().vec();
  sizes.back() = out_features_;
  return at::linear(values, dequantize(weight()), float_bias()).to(x.scalar_type()).view(sizes);
}

// (M, K) -> (M, N) of the dtype of `rows`
at::Tensor PackedLinear::integer_product(const at::Tensor& rows) {
  lay_out();
  const Int8Layer layer{packed_, scales_, float_bias(), rows.scalar_type()};
  if (scheme_.type == QuantizationType::kDynamic) return int8_linear(quantize_rows(rows), layer);
  return int8_linear(quantize_affine(rows, *activation_), *activation_, layer);
}

// x^ (M, K) float32
at::Tensor PackedLinear::quantized_values(const at::Tensor& rows) const {
  switch (scheme_.type) {
    case QuantizationType::kWeightOnly:
      return rows.to(at::kFloat);
    case QuantizationType::kDynamic: {
      const auto quantized = quantize_rows(rows);
      return dequantize(quantized.codes, quantized.scales, in_features_);
    }
    case QuantizationType::kStatic:
      return dequantize_affine(quantize_affine(rows, *activation_), *activation_);
  }
  SLM_CHECK(false);
  return {};
}

// W^ of some rows, (rows, K) float32
at::Tensor PackedLinear::weight_values(int64_t first_row, int64_t rows) const {
  auto part = rows_of({scheme_, stored_, scales_}, first_row, rows);
  if (scheme_.bits == 4) part.codes = unpack_int4(part.codes, in_features_);
  return dequantize(part);
}

// x^ (M, K) times the whole weight, whose values exist only in part at any time.
at::Tensor PackedLinear::product_by_panels(const at::Tensor& values) const {
  const auto bias = float_bias();
  const int64_t panel = std::max<int64_t>(64, kPanelElements / in_features_);
  if (out_features_ <= panel) return product_with_transposed(values, weight_values(0, out_features_), bias);
  const auto y = at::empty({values.size(0), out_features_}, values.options());
  for (int64_t row = 0; row < out_features_; row += panel) {
    const int64_t count = std::min(panel, out_features_ - row);
    const auto part = bias.defined() ? bias.narrow(0, row, count) : bias;
    y.narrow(1, row, count).copy_(product_with_transposed(values, weight_values(row, count), part));
  }
  return y;
}

void PackedLinear::pretty_print(std::ostream& stream) const {
  stream << fmt::format("PackedLinear({} -> {}{}, {})", in_features(), out_features(), bias_.defined() ? ", bias" : "",
                        describe(scheme_));
}

}  // namespace slm
