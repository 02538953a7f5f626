// What a person asks for when a model is to be quantized.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quantization/observer.h"
#include "quantization/scheme.h"

namespace slm {

/// How the codes of a weight are chosen. rtn: nearest, nothing clipped; mse: nearest under the scales with the least
/// squared error; gptq: under those scales, each column's error made up for by the columns after it.
enum class QuantizationMethod { kRtn, kMse, kGptq };

std::string_view name_of(QuantizationMethod method);
/// Error (kUsage) beginning with `origin` for a name that there is not.
QuantizationMethod quantization_method(std::string_view name, std::string_view origin);

struct QuantizationSettings {
  Scheme scheme = {};
  QuantizationMethod method = QuantizationMethod::kRtn;
  double smooth = 0;                                     // SmoothQuant's alpha; 0: none
  ObserverKind observer = ObserverKind::kMovingAverage;  // of static ranges
  std::vector<std::string> exclude = {};                 // globs over the layers' names
  int residual_bits = 0;  // that are kept beside the codes for training them (residual.h)

  /// Whether some text must go through the model before its layers can be quantized.
  bool calibrates() const {
    return scheme.type == QuantizationType::kStatic || method == QuantizationMethod::kGptq || smooth > 0;
  }
};

}  // namespace slm
