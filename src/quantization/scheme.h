// How a layer is quantized: bits, what happens to the activations, and which weights share a scale.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/quantize_element.h"

namespace slm {

/// What the activations do. static: uint8 with one calibrated range a layer; dynamic: int8 with a scale a token, chosen
/// while running; weight_only: they stay as they are.
enum class QuantizationType { kStatic, kDynamic, kWeightOnly };

/// What shares a scale in a weight (N, K): all of it, an output row, or `group_size` inputs of a row.
enum class Granularity { kPerTensor, kPerChannel, kPerGroup };

std::string_view name_of(QuantizationType type);
std::string_view name_of(Granularity granularity);
/// Error (kUsage) beginning with `origin` for a name that there is not.
QuantizationType quantization_type(std::string_view name, std::string_view origin);
Granularity granularity(std::string_view name, std::string_view origin);

struct Scheme {
  int bits = 8;  // of a weight's code: 8 or 4
  QuantizationType type = QuantizationType::kWeightOnly;
  Granularity granularity = Granularity::kPerChannel;
  int64_t group_size = 0;  // with kPerGroup, else 0

  bool operator==(const Scheme&) const = default;

  /// Symmetric and restricted: [-127, 127] or [-7, 7].
  CodeRange codes() const { return bits == 8 ? kInt8Codes : kInt4Codes; }
  bool per_tensor() const { return granularity == Granularity::kPerTensor; }
  /// How many neighbours of a row share a scale, for `quantize` (kernels/quantize.h); never more than a row has.
  int64_t run_length(int64_t in_features) const {
    return granularity == Granularity::kPerGroup ? std::min(group_size, in_features) : in_features;
  }
  /// Shape of a weight's scales: (1), or (N, G) with G = 1 where a row shares one.
  std::vector<int64_t> scales_shape(int64_t out_features, int64_t in_features) const {
    if (per_tensor()) return {1};
    const int64_t run = run_length(in_features);
    return {out_features, (in_features + run - 1) / run};
  }
};

/// "int4 per_group 64 weight_only"
std::string describe(const Scheme& scheme);

}  // namespace slm
