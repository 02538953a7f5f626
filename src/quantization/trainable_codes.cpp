#include "quantization/trainable_codes.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/round.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "kernels/plain.h"
#include "kernels/quantize.h"
#include "kernels/stochastic_round.h"

namespace slm {
namespace {

constexpr int64_t kPieceElements = 1 << 18;  // float values that exist at a time: they stay in the cache

// Calls body(first row, rows) for some rows of a matrix after others.
template <class Body>
void for_each_piece(const at::Tensor& matrix, const Body& body) {
  const int64_t rows = matrix.size(0), step = std::max<int64_t>(1, kPieceElements / matrix.size(1));
  for (int64_t row = 0; row < rows; row += step) body(row, std::min(step, rows - row));
}

}  // namespace

TrainableCodes::TrainableCodes(const QuantizedWeight& weight, int residual_bits)
    : scheme_(weight.scheme), residual_bits_(residual_bits) {
  const int32_t most = scheme_.codes().max * parts();
  stored_ = at::empty(weight.codes.sizes(), weight.codes.options().dtype(most <= 127 ? at::kChar : at::kShort));
  set_weight(weight);
}

void TrainableCodes::set_weight(const QuantizedWeight& weight) {
  const c10::NoGradGuard no_grad;
  SLM_CHECK(weight.scheme == scheme_ && weight.codes.sizes() == stored_.sizes());
  stored_.copy_(weight.codes);
  stored_.mul_(parts());
  scales_ = weight.scales.clone();
}

// Halves to even, as the quantizer rounds.
at::Tensor TrainableCodes::codes_of(const at::Tensor& stored) const {
  if (residual_bits_ == 0) return stored;
  const auto codes = at::empty(stored.sizes(), stored.options().dtype(at::kChar));
  for_each_piece(stored, [&](int64_t row, int64_t count) {
    const auto exact = stored.narrow(0, row, count).to(at::kFloat).mul_(1.0f / static_cast<float>(parts()));
    codes.narrow(0, row, count).copy_(exact.round_());
  });
  return codes;
}

QuantizedWeight TrainableCodes::weight() const { return {scheme_, codes_of(stored_), scales_}; }

at::Tensor TrainableCodes::values(at::ScalarType dtype) const {
  const auto values = at::empty(stored_.sizes(), stored_.options().dtype(dtype));
  for_each_piece(stored_, [&](int64_t row, int64_t count) {
    const QuantizedWeight part{scheme_, codes_of(stored_.narrow(0, row, count)),
                               scheme_.per_tensor() ? scales_ : scales_.narrow(0, row, count)};
    values.narrow(0, row, count).copy_(dequantize(part));
  });
  return values;
}

at::Tensor TrainableCodes::residual() const {
  const auto residual =
      at::empty(stored_.sizes(), stored_.options().dtype(residual_bits_ < 8 ? at::kChar : at::kShort));
  for_each_piece(stored_, [&](int64_t row, int64_t count) {
    const auto stored = stored_.narrow(0, row, count);
    residual.narrow(0, row, count).copy_(stored.to(at::kShort) - codes_of(stored).to(at::kShort) * parts());
  });
  return residual;
}

void TrainableCodes::set_residual(const at::Tensor& residual) {
  const auto most = scheme_.codes().max * parts();
  for_each_piece(stored_, [&](int64_t row, int64_t count) {
    const auto stored = stored_.narrow(0, row, count);
    const auto number = codes_of(stored).to(at::kInt) * parts() + residual.narrow(0, row, count).to(at::kInt);
    stored.copy_(number.clamp(-most, most));
  });
}

void TrainableCodes::update(ScalePolicy policy, std::optional<uint64_t> key,
                            const std::function<void(const at::Tensor& values, int64_t row)>& change) {
  const c10::NoGradGuard no_grad;
  // One scale for all can be refreshed only where all new values are known.
  const bool whole = scheme_.per_tensor() && policy == ScalePolicy::kRefresh;
  const int64_t aligned = kUpdateAlignment / std::gcd(kUpdateAlignment, columns());  // rows
  const int64_t step = whole ? rows() : aligned * std::max<int64_t>(1, kPieceElements / columns() / aligned);
  for (int64_t row = 0; row < rows(); row += step) {
    update_rows(row, std::min(step, rows() - row), policy, key, change);
  }
}

// The stored numbers nearest to values (n, K) of rows with these scales.
at::Tensor TrainableCodes::nearest(const at::Tensor& values, const at::Tensor& scales) const {
  const auto expanded = dequantize(at::ones_like(values, at::kChar), scales, scheme_.run_length(columns()));
  const int32_t most = scheme_.codes().max * parts();
  return at::round(values * (static_cast<float>(parts()) / expanded)).nan_to_num(-most, most, -most).clamp(-most, most);
}

void TrainableCodes::update_rows(int64_t first, int64_t count, ScalePolicy policy, std::optional<uint64_t> key,
                                 const std::function<void(const at::Tensor& values, int64_t row)>& change) {
  const auto stored = stored_.narrow(0, first, count);
  const auto scales = scheme_.per_tensor() ? scales_ : scales_.narrow(0, first, count);
  const int64_t run = scheme_.run_length(columns());
  const auto step = scales * (1.0f / static_cast<float>(parts()));
  const auto values =
      stored.scalar_type() == at::kChar ? dequantize(stored, step, run) : plain::dequantize(stored, step, run);
  change(values, first);
  if (policy == ScalePolicy::kRefresh) scales.copy_(amax_scales(values, scheme_));
  if (!key) {
    stored.copy_(nearest(values, scales));
    return;
  }
  stochastic_round(values, scales,
                   {.group_size = run,
                    .parts = parts(),
                    .max = scheme_.codes().max * parts(),
                    .key = *key,
                    .first = first * columns()},
                   stored);
}

}  // namespace slm
