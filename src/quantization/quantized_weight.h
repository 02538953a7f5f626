// A weight as codes and scales: what is stored, and what it stands for.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <string_view>

#include "quantization/scheme.h"

namespace slm {

struct QuantizedWeight {
  Scheme scheme;
  at::Tensor codes;   // (N, K) int8, within scheme.codes()
  at::Tensor scales;  // float32: (1) per tensor, (N, 1) per channel, (N, G) per group
};

/// Scales of weights by their layer's canonical name.
using ScalesByLayer = std::map<std::string, at::Tensor>;

/// The scales with which no weight is clipped: amax / qmax of what shares one. weight (N, K) float32.
at::Tensor amax_scales(const at::Tensor& weight, const Scheme& scheme);

/// Each weight to the nearest code under given scales.
QuantizedWeight round_to_nearest(const at::Tensor& weight, const Scheme& scheme, const at::Tensor& scales);

/// Some of the rows; views.
QuantizedWeight rows_of(const QuantizedWeight& weight, int64_t first, int64_t count);

/// The float32 values (N, K) that the codes stand for.
at::Tensor dequantize(const QuantizedWeight& weight);

/// Error (kData) naming the layer, the place and what to do where a weight (N, K) is NaN or infinite.
void check_finite(const at::Tensor& weight, std::string_view layer);

/// How far x^ is from x, both float32 of one shape.
struct QuantizationError {
  double sqnr_db = 0;        // 10 log10(sum x^2 / sum (x - x^)^2); infinite where nothing differs
  double cosine = 1;         // between x and x^; 1 where both are 0, 0 where one is
  double max_abs_error = 0;  // largest |x - x^|
};
QuantizationError quantization_error(const at::Tensor& x, const at::Tensor& approximation);
/// Of the weight that was quantized; only some rows of x^ exist at a time.
QuantizationError quantization_error(const at::Tensor& weight, const QuantizedWeight& quantized);

/// Share of the weights that lie beyond the outermost code's value by more than half a step: what clipping costs.
double clipped_share(const at::Tensor& weight, const QuantizedWeight& quantized);

}  // namespace slm
