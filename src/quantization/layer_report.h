// All that can be said of one linear layer, quantized or not: what `slm inspect` shows of it.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "quantization/metadata.h"
#include "quantization/quantized_weight.h"
#include "report/inspection.h"

namespace slm {

/// The words and sizes of a scheme.
LayerScheme scheme_words(const Scheme& scheme);

/// How often each code of the scheme's range occurs.
CodeCounts count_codes(const QuantizedWeight& weight);

/// Scales in numbers; outliers are those of more than kOutlierTimes times the median.
ScaleStatistics scale_statistics(const at::Tensor& scales);

/// The rows in which the values (N, K) are farthest from the weight (N, K), by SQNR; rows of zeros are passed over.
std::vector<RowError> worst_rows(const at::Tensor& weight, const at::Tensor& values);

/// A float layer; weight (N, K) of any float type, with or without values that are not finite.
LayerReport report_float_layer(const std::string& name, const at::Tensor& weight);

/// A quantized layer. `original` (N, K) is the weight that it was made from: errors, worst rows and the statistics of
/// values tell of it; undefined where it is not at hand, then the errors are those of `info`.
LayerReport report_quantized_layer(const QuantizedLayerInfo& info, const QuantizedWeight& weight,
                                   const at::Tensor& original);

}  // namespace slm
