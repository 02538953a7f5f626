#include "kernels/fake_quantize.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <atomic>
#include <numeric>

#include "core/error.h"
#include "kernels/cpu/fake_quantize.h"
#include "kernels/float_types.h"
#include "kernels/plain.h"
#include "kernels/scale_runs.h"

namespace slm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Values of activations and where they lay within the range.
struct Clipped {
  at::Tensor values, inside;
  int64_t clipped = 0;
};

Clipped clip_and_quantize(const at::Tensor& x, AffineScale scale) {
  if (!x.is_cpu()) {
    const auto code = (x.to(at::kFloat) * (1.0f / scale.scale)).round() + static_cast<float>(scale.zero_point);
    const auto inside = (code >= 0).logical_and(code <= 255);
    return {plain::fake_quantize_affine(x, scale), inside, x.numel() - inside.sum().item<int64_t>()};
  }
  const auto from = x.contiguous();
  Clipped result{at::empty_like(from), at::empty(from.sizes(), at::kBool)};
  const cpu::RunScale run{scale.scale, static_cast<float>(scale.zero_point), kUint8Codes};
  std::atomic<int64_t> clipped = 0;
  with_float_type(x.scalar_type(), [&]<class Float>(Float) {
    const auto* in = elements<const Float>(from);
    auto* values = elements<Float>(result.values);
    auto* inside = elements<bool>(result.inside);
    at::parallel_for(0, x.numel(), kQuantizeGrain, [&](int64_t begin, int64_t end) {
      clipped += cpu::fake_quantize_activations(in + begin, end - begin, run, values + begin, inside + begin);
    });
  });
  result.clipped = clipped;
  return result;
}

class AffineStraightThrough : public torch::autograd::Function<AffineStraightThrough> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& values,
                            const std::optional<at::Tensor>& inside) {
    if (inside) context->save_for_backward({*inside});
    return values.view(x.sizes());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    return {saved.empty() ? gradients[0] : gradients[0] * saved[0], at::Tensor(), at::Tensor()};
  }
};

at::Tensor row_values(const at::Tensor& x) {
  if (!x.is_cpu()) return plain::fake_quantize_rows(x);
  const auto from = x.contiguous(), values = at::empty_like(from);
  const int64_t columns = x.size(-1), rows = x.numel() / columns;
  with_float_type(x.scalar_type(), [&]<class Float>(Float) {
    const auto* in = elements<const Float>(from);
    auto* out = elements<Float>(values);
    const int64_t grain = std::max<int64_t>(1, kQuantizeGrain / columns);
    at::parallel_for(0, rows, grain, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        cpu::fake_quantize_row(in + row * columns, columns, out + row * columns);
      }
    });
  });
  return values;
}

class RowStraightThrough : public torch::autograd::Function<RowStraightThrough> {
 public:
  static at::Tensor forward(AutogradContext*, const at::Tensor& x) { return row_values(x); }
  static variable_list backward(AutogradContext*, const variable_list& gradients) { return {gradients[0]}; }
};

}  // namespace

at::Tensor shaped_as_scales(const at::Tensor& of_runs, const at::Tensor& scales) {
  if (scales.dim() != 1) return of_runs;
  const auto* numbers = elements<const double>(of_runs);
  return at::full({1}, std::accumulate(numbers, numbers + of_runs.numel(), 0.0), of_runs.options());
}

void fake_quantize_into(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range,
                        const at::Tensor& out) {
  SLM_CHECK(x.dim() == 2 && x.scalar_type() == at::kFloat && out.sizes() == x.sizes());
  if (!x.is_cpu()) {
    out.copy_(fake_quantize(x, scales, group_size, range));
    return;
  }
  const auto from = x.contiguous();
  const auto* in = elements<const float>(from);
  with_float_type(out.scalar_type(), [&]<class Float>(Float) {
    auto* values = elements<Float>(out);
    for_each_run(x, scales, group_size, [&](int64_t offset, int64_t count, float scale) {
      cpu::fake_quantize_run(in + offset, count, {scale, 0, range}, values + offset);
    });
  });
}

at::Tensor fake_quantize_backward(const at::Tensor& x, const at::Tensor& scales, int64_t group_size, CodeRange range,
                                  const at::Tensor& gradient) {
  SLM_CHECK(x.dim() == 2 && x.scalar_type() == at::kFloat && gradient.sizes() == x.sizes());
  if (!x.is_cpu()) return plain::fake_quantize_backward(x, scales, group_size, range, gradient);
  const int64_t columns = x.size(1), length = scales.dim() == 1 ? columns : group_size;
  const int64_t groups = groups_of(columns, length);
  const auto from = x.contiguous(), sums = at::empty({x.size(0), groups}, x.options().dtype(at::kDouble));
  const auto* in = elements<const float>(from);
  auto* out = elements<double>(sums);
  auto* slope = elements<float>(gradient);
  for_each_run(x, scales, group_size, [&](int64_t offset, int64_t count, float scale) {
    const int64_t run = offset / columns * groups + offset % columns / length;
    out[run] = cpu::fake_quantize_backward_of_run(in + offset, count, {scale, 0, range}, slope + offset);
  });
  return shaped_as_scales(sums, scales).to(at::kFloat);
}

at::Tensor fake_quantize_affine(const at::Tensor& x, AffineScale scale, int64_t& clipped) {
  const auto found = clip_and_quantize(x.detach(), scale);
  clipped += found.clipped;
  return AffineStraightThrough::apply(x, found.values, found.clipped > 0 ? std::optional(found.inside) : std::nullopt);
}

at::Tensor fake_quantize_rows(const at::Tensor& x) { return RowStraightThrough::apply(x); }

}  // namespace slm
