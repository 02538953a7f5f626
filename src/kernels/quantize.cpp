#include "kernels/quantize.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "kernels/cpu/quantize.h"
#include "kernels/cpu/stochastic_round.h"
#include "kernels/fake_quantize.h"
#include "kernels/float_types.h"
#include "kernels/plain.h"
#include "kernels/scale_runs.h"

namespace slm {
namespace {

void check_matrix(const at::Tensor& x, at::ScalarType dtype) { SLM_CHECK(x.dim() == 2 && x.scalar_type() == dtype); }

}  // namespace

at::Tensor symmetric_scales(const at::Tensor& amax, CodeRange range) {
  // torch.clamp would hold a NaN back no less, but where() says what happens to 0.
  const auto scales = (amax / static_cast<float>(range.max)).clamp_min(std::numeric_limits<float>::min());
  return at::where(amax == 0, at::ones_like(amax), scales);
}

at::Tensor largest_magnitude(const at::Tensor& x, bool per_tensor, int64_t group_size) {
  const auto magnitude = at::abs(x);
  if (per_tensor) return at::amax(magnitude).view(1);
  const int64_t rows = x.size(0), columns = x.size(1), groups = groups_of(columns, group_size);
  const auto padded = at::constant_pad_nd(magnitude, {0, groups * group_size - columns}, 0);
  return at::amax(padded.view({rows, groups, group_size}), -1);
}

at::Tensor quantize(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range) {
  check_matrix(x, at::kFloat);
  if (!x.is_cpu()) return plain::quantize(x, scales, group_size, range);
  const auto from = x.contiguous(), codes = at::empty(x.sizes(), x.options().dtype(at::kChar));
  const auto* in = elements<const float>(from);
  auto* out = elements<int8_t>(codes);
  for_each_run(x, scales, group_size, [&](int64_t offset, int64_t count, float scale) {
    cpu::quantize_run(in + offset, count, {scale, 0, range}, out + offset);
  });
  return codes;
}

at::Tensor dequantize(const at::Tensor& codes, const at::Tensor& scales, int64_t group_size) {
  check_matrix(codes, at::kChar);
  if (!codes.is_cpu()) return plain::dequantize(codes, scales, group_size);
  const auto from = codes.contiguous(), values = at::empty(codes.sizes(), codes.options().dtype(at::kFloat));
  const auto* in = elements<const int8_t>(from);
  auto* out = elements<float>(values);
  for_each_run(codes, scales, group_size, [&](int64_t offset, int64_t count, float scale) {
    cpu::dequantize_run(in + offset, count, {scale, 0, {}}, out + offset);
  });
  return values;
}

at::Tensor fake_quantize(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range) {
  check_matrix(x, at::kFloat);
  if (!x.is_cpu()) return plain::dequantize(plain::quantize(x, scales, group_size, range), scales, group_size);
  const auto values = at::empty(x.sizes(), x.options());
  fake_quantize_into(x, scales, group_size, range, values);
  return values;
}

at::Tensor squared_errors(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range) {
  check_matrix(x, at::kFloat);
  if (!x.is_cpu()) return plain::squared_errors(x, scales, group_size, range);
  const int64_t rows = x.size(0), columns = x.size(1);
  const bool one_scale = scales.dim() == 1;
  const int64_t length = one_scale ? columns : group_size, groups = groups_of(columns, length);
  const auto from = x.contiguous(), errors = at::empty({rows, groups}, x.options().dtype(at::kDouble));
  const auto* in = elements<const float>(from);
  auto* out = elements<double>(errors);
  for_each_run(x, scales, group_size, [&](int64_t offset, int64_t count, float scale) {
    const int64_t run = offset / columns * groups + offset % columns / length;
    out[run] = cpu::squared_error_of_run(in + offset, count, {scale, 0, range});
  });
  return shaped_as_scales(errors, scales);
}

QuantizedRows quantize_rows(const at::Tensor& x) {
  if (!x.is_cpu()) return plain::quantize_rows(x);
  const int64_t columns = x.size(-1), rows = x.numel() / columns;
  const auto from = x.contiguous(), codes = at::empty({rows, columns}, x.options().dtype(at::kChar)),
             scales = at::empty({rows, 1}, x.options().dtype(at::kFloat));
  auto* out = elements<int8_t>(codes);
  auto* scale = elements<float>(scales);
  with_float_type(x.scalar_type(), [&]<class Float>(Float) {
    const auto* in = elements<const Float>(from);
    at::parallel_for(0, rows, std::max<int64_t>(1, kQuantizeGrain / columns), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        scale[row] = cpu::quantize_row(in + row * columns, columns, out + row * columns);
      }
    });
  });
  return {codes, scales};
}

AffineScale affine_scale(float low, float high) {
  low = std::min(low, 0.0f);
  high = std::max(high, 0.0f);
  const float scale = std::max((high - low) / 255.0f, std::numeric_limits<float>::epsilon());
  return {scale, static_cast<int32_t>(std::clamp(0.0f - std::nearbyint(low / scale), 0.0f, 255.0f))};
}

at::Tensor quantize_affine(const at::Tensor& x, AffineScale scale) {
  if (!x.is_cpu()) return plain::quantize_affine(x, scale);
  const auto from = x.contiguous(), codes = at::empty(x.sizes(), x.options().dtype(at::kByte));
  auto* out = elements<uint8_t>(codes);
  const cpu::RunScale run{scale.scale, static_cast<float>(scale.zero_point), kUint8Codes};
  with_float_type(x.scalar_type(), [&]<class Float>(Float) {
    const auto* in = elements<const Float>(from);
    at::parallel_for(0, x.numel(), kQuantizeGrain,
                     [&](int64_t begin, int64_t end) { cpu::quantize_run(in + begin, end - begin, run, out + begin); });
  });
  return codes;
}

at::Tensor dequantize_affine(const at::Tensor& codes, AffineScale scale) {
  return (codes.to(at::kFloat) - static_cast<float>(scale.zero_point)) * scale.scale;
}

namespace {

// Scales as one number an element of (N, K).
at::Tensor each_scale(const at::Tensor& scales, int64_t group_size, at::IntArrayRef sizes) {
  if (scales.dim() == 1) return scales.expand(sizes);
  return scales.repeat_interleave(group_size, 1).narrow(1, 0, sizes[1]);
}

// A float64 number an element of (N, K), added up over what shares a scale.
at::Tensor sum_by_scale(const at::Tensor& numbers, const at::Tensor& scales, int64_t group_size) {
  if (scales.dim() == 1) return numbers.sum().view(1);
  const int64_t rows = numbers.size(0), columns = numbers.size(1), groups = groups_of(columns, group_size);
  const auto padded = at::constant_pad_nd(numbers, {0, groups * group_size - columns}, 0);
  return padded.view({rows, groups, group_size}).sum(-1);
}

}  // namespace

at::Tensor plain::quantize(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range) {
  const auto codes = (x * (1.0f / each_scale(scales, group_size, x.sizes()))).round() + 0.0f;
  return codes.nan_to_num(range.min, range.max, range.min).clamp(range.min, range.max).to(at::kChar);
}

at::Tensor plain::dequantize(const at::Tensor& codes, const at::Tensor& scales, int64_t group_size) {
  return codes.to(at::kFloat) * each_scale(scales, group_size, codes.sizes());
}

at::Tensor plain::squared_errors(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range) {
  const auto values = plain::dequantize(plain::quantize(x, scales, group_size, range), scales, group_size);
  const auto squares = (x.to(at::kDouble) - values.to(at::kDouble)).square();
  return sum_by_scale(squares, scales, group_size);
}

QuantizedRows plain::quantize_rows(const at::Tensor& x) {
  const int64_t columns = x.size(-1);
  const auto rows = x.to(at::kFloat).reshape({x.numel() / columns, columns});
  const auto scales = symmetric_scales(largest_magnitude(rows, false, columns), kInt8Codes);
  return {plain::quantize(rows, scales, columns, kInt8Codes), scales};
}

at::Tensor plain::quantize_affine(const at::Tensor& x, AffineScale scale) {
  const auto codes = (x.to(at::kFloat) * (1.0f / scale.scale)).round() + static_cast<float>(scale.zero_point);
  return codes.nan_to_num(0, 255, 0).clamp(0, 255).to(at::kByte);
}

at::Tensor plain::fake_quantize_backward(const at::Tensor& x, const at::Tensor& scales, int64_t group_size,
                                         CodeRange range, const at::Tensor& gradient) {
  const auto scale = each_scale(scales, group_size, x.sizes()), inverse = 1.0f / scale;
  const auto rounded = (x * inverse).round(), code = rounded.clamp(range.min, range.max), inside = rounded == code;
  const auto exact = x.to(at::kDouble) / scale.to(at::kDouble);
  const auto slope = code.to(at::kDouble) - at::where(inside, exact, at::zeros_like(exact));
  const auto of_scales = sum_by_scale(slope * gradient, scales, group_size).to(at::kFloat);
  gradient.mul_(inside);
  return of_scales;
}

at::Tensor plain::fake_quantize_affine(const at::Tensor& x, AffineScale scale) {
  return dequantize_affine(plain::quantize_affine(x, scale), scale).to(x.scalar_type());
}

at::Tensor plain::stochastic_round(const at::Tensor& x, const at::Tensor& scales, const StochasticGrid& grid) {
  const auto uniforms = stochastic_uniforms(grid.key, grid.first, x.numel()).to(x.device()).view(x.sizes());
  const auto inverse = static_cast<float>(grid.parts) / each_scale(scales, grid.group_size, x.sizes());
  const auto exact = x * inverse, whole = exact.round();
  const auto is_whole = (exact - whole).abs() <= cpu::kStochasticSnap * exact.abs();
  const auto value = at::where(is_whole, whole, exact), below = value.floor();
  const auto numbers = (below + (uniforms < value - below)).nan_to_num(-grid.max, grid.max, -grid.max);
  return numbers.clamp(-grid.max, grid.max).to(at::kShort);
}

at::Tensor plain::fake_quantize_rows(const at::Tensor& x) {
  const auto [codes, scales] = plain::quantize_rows(x);
  return plain::dequantize(codes, scales, x.size(-1)).view(x.sizes()).to(x.scalar_type());
}

}  // namespace slm
