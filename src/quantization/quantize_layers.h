// The linear layers of a model become quantized ones, in the order of the forward pass: each is calibrated on what the
// layers before it, quantized already, give it, so that later layers make up for what earlier ones lost (Frantar et al.
// 2022, arXiv:2210.17323, calibrate GPTQ so; Li et al. 2025, arXiv:2504.02692, compare with the float model beside it).
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "model/token_batch.h"
#include "model/transformer.h"
#include "quantization/metadata.h"
#include "quantization/plan.h"

namespace slm {

/// What a caller hears on the way; each may be empty.
struct QuantizationListener {
  // The linear layers of this block, or for n_layers the head, are going to be read, and none of a block before.
  std::function<void(int64_t block)> on_block = {};
  std::function<void(const QuantizedLayerInfo&)> on_layer = {};  // it is done
  // Where the settings keep residual bits: what the layer's codes lose (quantization/residual.h).
  std::function<void(const std::string& layer, const at::Tensor& residual)> on_residual = {};
  // The float weight of a layer that was replaced is not read again. It may serve elsewhere (a tied embedding).
  std::function<void(const std::string& layer)> on_last_read = {};
  // Bytes that hold the hidden states of the calibration batches.
  std::function<void(int64_t)> on_hidden_states = {};
};

/// Replaces every layer of `plan` that has a scheme. `calibration` is empty where the settings
/// calibrate nothing; while it runs the hidden states of all batches are held once, under gptq twice. The
/// model's own tensors are not written to: where smoothing moves scales into a norm, the norm gets a tensor of its own.
/// Error (kData) naming the layer whose weight is not finite.
std::vector<QuantizedLayerInfo> quantize_layers(Transformer& model, const QuantizationPlan& plan,
                                                const QuantizationSettings& settings,
                                                const std::vector<TokenBatch>& calibration,
                                                const QuantizationListener& listener = {});

}  // namespace slm
