#include "quantization/gptq.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.h"
#include "kernels/cpu/gptq.h"
#include "kernels/float_types.h"
#include "kernels/pivoted_cholesky.h"
#include "quantization/clip_search.h"

namespace slm {
namespace {

constexpr int64_t kRowsAtATime = 1024;  // of a weight: its copies stay small beside the model

// The order of the pivots, or nothing where the factorization is to choose it.
at::Tensor order_of(const at::Tensor& curvature, GptqOrder order) {
  const int64_t columns = curvature.size(0);
  switch (order) {
    case GptqOrder::kLeastPivot:
      return {};
    case GptqOrder::kCurvature:
      return at::flip(at::argsort(curvature, /*stable=*/true, /*dim=*/0, /*descending=*/true), {0});
    case GptqOrder::kNatural:
      return at::arange(columns - 1, -1, -1, at::kLong);
  }
  SLM_CHECK(false);
  return {};
}

// rounded: (N, K) float32 to be filled, or undefined.
at::Tensor sweep(const at::Tensor& weight, const Scheme& scheme, const at::Tensor& scales, const GptqColumns& columns,
                 const at::Tensor& rounded) {
  const int64_t rows = weight.size(0), width = weight.size(1);
  auto codes = at::empty({rows, width}, weight.options().dtype(at::kChar));
  const cpu::Sweep sweep{.columns = width,
                         .factor = elements<const double>(columns.factor),
                         .order = elements<const int64_t>(columns.order),
                         .group_size = scheme.run_length(width),
                         .scales_a_row = scheme.per_tensor() ? 0 : scales.size(1),
                         .range = scheme.codes()};
  const auto* in = elements<const float>(weight);
  const auto* scale = elements<const float>(scales);
  auto* out = elements<int8_t>(codes);
  auto* exact = rounded.defined() ? elements<float>(rounded) : nullptr;
  constexpr int64_t kRows = cpu::kSweepRows;
  at::parallel_for(0, (rows + kRows - 1) / kRows, 1, [&](int64_t from, int64_t to) {
    std::vector<double> errors(static_cast<size_t>(width * kRows));
    for (int64_t row = from * kRows; row < std::min(rows, to * kRows); row += kRows) {
      cpu::sweep_rows(sweep, in + row * width, std::min(kRows, rows - row), scale + row * sweep.scales_a_row,
                      errors.data(), out + row * width, exact == nullptr ? nullptr : exact + row * width);
    }
  });
  return codes;
}

// Calls body(first row, rows (m, K) float32 on the CPU) for some rows after others, so that copies stay small.
template <class Body>
void for_each_part(const at::Tensor& x, int64_t width, const Body& body) {
  constexpr int64_t kRows = 1024;
  const auto all = x.reshape({-1, width});
  for (int64_t row = 0; row < all.size(0); row += kRows) {
    body(row, all.narrow(0, row, std::min(kRows, all.size(0) - row)).to(at::kCPU, at::kFloat));
  }
}

// gptq of some rows, on the CPU; of all of them where they share one scale.
QuantizedWeight round_rows(const at::Tensor& weight, const Scheme& scheme, const GptqColumns& columns, bool clip_by_mse,
                           const at::Tensor& rounded) {
  auto used = weight.to(at::kCPU).contiguous();
  if (columns.drift.defined()) used = weight_for_inputs(used, columns);
  if (columns.dead.numel() != 0) used = used.index_fill(1, columns.dead, 0);
  const auto scales = (clip_by_mse ? mse_scales(used, scheme) : amax_scales(used, scheme)).contiguous();
  return {scheme, sweep(used, scheme, scales, columns, rounded), scales};
}

}  // namespace

Hessian::Hessian(int64_t in_features) : sum_(at::zeros({in_features, in_features}, at::kDouble)) {}

void Hessian::add(const at::Tensor& x) {
  constexpr int64_t kColumns = 256;  // of a part: what symmetry gives is skipped
  const int64_t width = sum_.size(0);
  for_each_part(x, width, [&](int64_t, const at::Tensor& rows) {
    const auto part = rows.to(at::kDouble);
    for (int64_t begin = 0; begin < width; begin += kColumns) {
      const int64_t count = std::min(kColumns, width - begin), right = width - begin;
      sum_.narrow(0, begin, count)
          .narrow(1, begin, right)
          .addmm_(part.narrow(1, begin, count).t(), part.narrow(1, begin, right));
    }
  });
  for (int64_t begin = kColumns; begin < width; begin += kColumns) {
    const int64_t count = std::min(kColumns, width - begin);
    sum_.narrow(0, begin, count).narrow(1, 0, begin).copy_(sum_.narrow(0, 0, begin).narrow(1, begin, count).t());
  }
}

void Hessian::add(const at::Tensor& x, const at::Tensor& exact) {
  add(x);
  const int64_t width = sum_.size(0);
  if (!drift_.defined()) drift_ = at::zeros({width, width}, at::kFloat);
  const auto all = exact.reshape({-1, width});
  for_each_part(x, width, [&](int64_t first, const at::Tensor& rows) {
    const auto difference = all.narrow(0, first, rows.size(0)).to(at::kCPU, at::kFloat) - rows;
    drift_.addmm_(difference.t(), rows);
  });
}

GptqColumns gptq_columns(Hessian&& hessian, std::string_view input, const GptqSettings& settings) {
  SLM_CHECK(settings.damp >= 1e-6);
  const auto& matrix = hessian.sum();
  auto curvature = matrix.diagonal();
  const auto wrong = at::nonzero(at::isfinite(curvature).logical_not());
  if (wrong.numel() != 0) {
    fail(ExitCode::kData,
         "{}: over the calibration text channel {} holds NaN or infinity; gptq needs finite activations (the "
         "checkpoint's training diverged; use an earlier one)",
         input, wrong[0][0].item<int64_t>());
  }
  const auto is_dead = curvature == 0;
  const auto alive = curvature.numel() - is_dead.sum().item<int64_t>();
  const double mean = alive == 0 ? 1 : curvature.sum().item<double>() / static_cast<double>(alive);
  curvature.masked_fill_(is_dead, mean);
  const auto order = order_of(curvature, settings.order);
  curvature.add_(mean * settings.damp);
  auto [factor, pivots] = pivoted_cholesky(matrix, order);
  return {.factor = std::move(factor),
          .order = std::move(pivots),
          .dead = at::nonzero(is_dead).view(-1),
          .drift = hessian.drift()};
}

at::Tensor weight_for_inputs(const at::Tensor& weight, const GptqColumns& columns) {
  constexpr int64_t kRows = 256;
  SLM_CHECK(columns.drift.defined());
  auto result = at::empty_like(weight);
  for (int64_t row = 0; row < weight.size(0); row += kRows) {
    const int64_t count = std::min(kRows, weight.size(0) - row);
    const auto rows = weight.narrow(0, row, count);  // (n, K)
    const auto lost = rows.matmul(columns.drift).index_select(1, columns.order).to(at::kDouble);
    const auto half = at::linalg_solve_triangular(columns.factor, lost, /*upper=*/true, /*left=*/false);
    const auto change = at::linalg_solve_triangular(columns.factor.t(), half, /*upper=*/false, /*left=*/false);
    result.narrow(0, row, count).copy_(rows).index_add_(1, columns.order, change.to(at::kFloat));
  }
  return result;
}

QuantizedWeight gptq(const at::Tensor& weight, const Scheme& scheme, const GptqColumns& columns, bool clip_by_mse,
                     at::Tensor* rounded) {
  SLM_CHECK(weight.dim() == 2 && weight.size(1) == columns.order.size(0));
  const int64_t rows = weight.size(0), step = scheme.per_tensor() ? rows : kRowsAtATime;
  if (rounded != nullptr) *rounded = at::empty({rows, weight.size(1)}, weight.options().device(at::kCPU));
  std::vector<at::Tensor> codes, scales;
  for (int64_t row = 0; row < rows; row += step) {
    const int64_t count = std::min(step, rows - row);
    const auto part = round_rows(weight.narrow(0, row, count), scheme, columns, clip_by_mse,
                                 rounded == nullptr ? at::Tensor() : rounded->narrow(0, row, count));
    codes.push_back(part.codes);
    scales.push_back(part.scales);
  }
  if (rounded != nullptr) *rounded = rounded->to(weight.device());
  return {scheme, at::cat(codes).to(weight.device()), at::cat(scales).to(weight.device())};
}

}  // namespace slm
