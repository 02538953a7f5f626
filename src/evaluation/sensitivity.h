// Which layers of a model suffer most from being quantized: one at a time, everything else float.
#pragma once

#include <functional>
#include <vector>

#include "data/token_stream.h"
#include "evaluation/scored_batches.h"
#include "model/token_batch.h"
#include "model/transformer.h"
#include "quantization/settings.h"
#include "report/sensitivity.h"

namespace slm {

struct SensitivityJob {
  Transformer& model;  // float; it stays as it is
  const QuantizationSettings& settings;
  const std::vector<TokenBatch>& calibration;  // as for quantize_layers
  const TokenStream& tokens;                   // that losses and divergences are measured on
  int64_t sequence_length = 0;
  EvaluationSettings evaluation = {};
  bool by_input = false;  // layers that share an input together, not each alone
};

/// Quantizes every layer that the settings do not exclude alone, ranks them by KL divergence, and measures everything
/// together with and without those that layers_to_exclude names. One pass of both models over the tokens a layer.
/// `on_entry` hears the share that is done. `checkpoint` of the result stays empty.
Sensitivity measure_sensitivity(const SensitivityJob& job, const std::function<void(double share)>& on_entry = {});

}  // namespace slm
