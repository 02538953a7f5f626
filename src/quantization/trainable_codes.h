// The codes of a weight while they are trained: there is no float copy of the weight.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "quantization/quantized_weight.h"

namespace slm {

/// What becomes of the scales while the codes move.
enum class ScalePolicy { kFixed, kRefresh };
/// What becomes of the part of an update that is less than a step of the stored numbers: it counts on average, or is
/// lost (which is there to show why chance is needed).
enum class Rounding { kStochastic, kNearest };

/// Stored are whole numbers with a step of scale / 2^r: the code, and r residual bits that remember what an update of
/// less than a code has moved. The layer computes with the code alone, the stored number divided by 2^r and rounded to
/// nearest; the residual is state of the optimizer, which inference never sees.
class TrainableCodes {
 public:
  static constexpr int64_t kUpdateAlignment = 256;

  /// `residual_bits` r: 0, 2, 4 or 8.
  TrainableCodes(const QuantizedWeight& weight, int residual_bits);

  /// What the layer computes with, and what is saved of it: codes (N, K) int8, and scales.
  QuantizedWeight weight() const;
  /// The values of the codes, (N, K) in `dtype`; some rows at a time exist in float32.
  at::Tensor values(at::ScalarType dtype) const;

  /// Calls change(values, first row) with the stored values of some rows (n, K) float32 after others, of which each
  /// part begins with an element whose number is a multiple of kUpdateAlignment, and which it may write to; what it
  /// leaves is stored again, with stochastic rounding by `key`, or without a key rounded to nearest, halves to even.
  /// Under kRefresh the scales are those of the new values' amax.
  void update(ScalePolicy policy, std::optional<uint64_t> key,
              const std::function<void(const at::Tensor& values, int64_t row)>& change);

  int64_t rows() const { return stored_.size(0); }
  int64_t columns() const { return stored_.size(1); }
  int residual_bits() const { return residual_bits_; }
  const Scheme& scheme() const { return scheme_; }
  const at::Tensor& scales() const { return scales_; }
  /// The stored numbers (N, K), int8 where they fit, else int16.
  const at::Tensor& stored() const { return stored_; }
  /// The stored number less the code's share of it, (N, K) int8, or at 8 residual bits int16.
  at::Tensor residual() const;
  /// The inverse, over the codes that are there.
  void set_residual(const at::Tensor& residual);
  /// Codes and scales of a checkpoint, with a residual of 0.
  void set_weight(const QuantizedWeight& weight);

 private:
  int32_t parts() const { return 1 << residual_bits_; }
  at::Tensor codes_of(const at::Tensor& stored) const;
  void update_rows(int64_t first, int64_t count, ScalePolicy policy, std::optional<uint64_t> key,
                   const std::function<void(const at::Tensor& values, int64_t row)>& change);
  at::Tensor nearest(const at::Tensor& values, const at::Tensor& scales) const;

  Scheme scheme_;
  int residual_bits_;
  at::Tensor stored_, scales_;
};

}  // namespace slm
