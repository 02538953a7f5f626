// What will be done to each linear layer of a model, known and shown before anything is done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/transformer.h"
#include "quantization/settings.h"

namespace slm {

struct PlannedLayer {
  std::string name;                           // canonical
  int64_t out_features = 0, in_features = 0;  // N, K
  std::optional<Scheme> scheme = {};          // none: it stays float
  std::string reason = {};                    // why it stays float
  int64_t bytes_before = 0;                   // float32 weight
  int64_t bytes_after = 0;                    // codes and scales, or the weight
};

using QuantizationPlan = std::vector<PlannedLayer>;

/// One entry a linear layer, in the order of the forward pass. Error (kUsage) where a pattern of `exclude` matches no
/// layer, or where no layer is left to quantize; (kData) naming the layer that is quantized already.
QuantizationPlan plan_quantization(Transformer& model, const QuantizationSettings& settings);

/// The plan as a table for a person, with totals and a warning where the scheme is known to cost much.
std::string format_plan(const QuantizationPlan& plan, const QuantizationSettings& settings);

/// Bytes of the codes (at 4 bits in whole words of 32 bits) and float32 scales of a weight (N, K).
int64_t quantized_bytes(int64_t out_features, int64_t in_features, const Scheme& scheme);

}  // namespace slm
