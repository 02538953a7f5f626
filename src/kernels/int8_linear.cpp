#include "kernels/int8_linear.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include <algorithm>
#include <limits>

#include "core/cpu_features.h"
#include "core/error.h"
#include "kernels/cpu/scale_row.h"
#include "kernels/float_types.h"
#include "kernels/onednn_int8.h"

namespace slm {
namespace {

constexpr int64_t kGrain = 1 << 14;  // elements worth a thread of their own
// oneDNN's product of signed bytes is a slow reference where there is VNNI and no AMX: int8 goes in as uint8 with this
// zero point, which stands for the same numbers.
constexpr int kSignedZero = 128;

// sums (M, N) float32 -> sums * scales[m] + bias, of `dtype`.
at::Tensor scale_rows(const at::Tensor& sums, const at::Tensor& scales, const at::Tensor& bias, at::ScalarType dtype) {
  const auto y = at::empty(sums.sizes(), sums.options().dtype(dtype));
  const int64_t columns = sums.size(1);
  const auto* in = elements<const float>(sums);
  const auto* scale = elements<const float>(scales);
  const auto* shift = bias.defined() ? elements<const float>(bias) : nullptr;
  with_float_type(dtype, [&]<class Float>(Float) {
    auto* out = elements<Float>(y);
    at::parallel_for(0, sums.size(0), std::max<int64_t>(1, kGrain / columns), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        cpu::scale_row(in + row * columns, columns, scale[row], shift, out + row * columns);
      }
    });
  });
  return y;
}

}  // namespace

bool supports_int8_linear(int64_t in_features) {
  constexpr int64_t kLargestProduct = 255 * 127;
  return multiplies_int8() && in_features <= std::numeric_limits<int32_t>::max() / kLargestProduct;
}

at::Tensor pack_int8_weight(const at::Tensor& codes) {
  SLM_CHECK(codes.dim() == 2 && codes.scalar_type() == at::kChar && codes.is_cpu());
  return onednn::pack_weight(codes);
}

at::Tensor unpack_int8_weight(const at::Tensor& packed) { return onednn::unpack_weight(packed); }

at::Tensor int8_linear(const QuantizedRows& x, const Int8Layer& layer) {
  const auto codes = x.codes.view(at::kByte).bitwise_xor(kSignedZero);
  const auto sums = onednn::product({codes, 1.0, kSignedZero}, layer.weight, layer.scales.view(-1), {}, at::kFloat);
  return scale_rows(sums, x.scales, layer.bias, layer.dtype);
}

at::Tensor int8_linear(const at::Tensor& codes, AffineScale scale, const Int8Layer& layer) {
  return onednn::product({codes, scale.scale, scale.zero_point}, layer.weight, layer.scales.view(-1), layer.bias,
                         layer.dtype);
}

namespace plain {

at::Tensor integer_product(const at::Tensor& x, const at::Tensor& w) {
  return at::mm(x.to(at::kLong), w.to(at::kLong).t());
}

at::Tensor int8_linear(const QuantizedRows& x, const Int8Layer& layer) {
  const auto y = integer_product(x.codes, layer.weight).to(at::kFloat) * layer.scales.view(-1) * x.scales;
  return (layer.bias.defined() ? y + layer.bias : y).to(layer.dtype);
}

at::Tensor int8_linear(const at::Tensor& codes, AffineScale scale, const Int8Layer& layer) {
  const auto sums = integer_product(codes.to(at::kLong) - scale.zero_point, layer.weight);
  const auto y = sums.to(at::kFloat) * (layer.scales.view(-1) * scale.scale);
  return (layer.bias.defined() ? y + layer.bias : y).to(layer.dtype);
}

}  // namespace plain
}  // namespace slm
