// Everything that a reader needs to understand the codes of a quantized model, and everything that a person needs to
// judge them: quantization_metadata.json.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kernels/quantize.h"
#include "quantization/quantized_weight.h"
#include "quantization/scheme.h"

namespace slm {

/// One quantized layer: what its tensors must look like, and how far they are from what they were made of.
struct QuantizedLayerInfo {
  std::string name;                            // canonical: model.layers.0.self_attn.q_proj
  int64_t out_features = 0, in_features = 0;   // N, K
  Scheme scheme = {};                          // of this layer
  std::optional<AffineScale> activation = {};  // where static
  QuantizationError error = {};                // of the weight
  double clipped = 0;                          // share of the weights beyond the outermost code
};

struct LeftFloat {
  std::string name;
  std::string reason;
};

/// What the model was made from.
struct QuantizationParent {
  std::string manifest_sha256;  // empty where the folder had no manifest
  int64_t step = 0;
  std::optional<double> validation_loss = {};  // nats per token, on what `quality` was measured
};

struct CalibrationInfo {
  std::string observer;  // empty where no activation was observed
  int64_t batches = 0, tokens = 0;
  std::string data_sha256;
};

/// The quantized model against its parent, over the same tokens.
struct QuantizationQuality {
  double validation_loss = 0, perplexity = 0;
  double kl_divergence = 0;   // mean of KL(parent || quantized) per token, nats
  double top1_agreement = 0;  // share of the tokens after which both think the same token likeliest
  int64_t tokens = 0;         // that were compared
  // Of the parent's training, over all of its parameters: the longer a model was trained, the more it loses.
  std::optional<double> tokens_per_parameter = {};
};

struct Coverage {
  int64_t quantized_parameters = 0, float_parameters = 0;
  double bits_per_weight = 0;  // of the quantized parameters, scales included
};

/// What training the codes themselves has done to them (training/quantized_finetuning.h).
struct CodesTraining {
  int64_t updates = 0;
  int residual_bits = 0;
  std::string scale_policy = "fixed";   // or refresh
  std::string rounding = "stochastic";  // or nearest
};

struct QuantizationMetadata {
  std::string mode = "ptq", method = "rtn";
  double smooth = 0;
  Scheme scheme = {};  // that was asked for
  std::string slm_version = {}, libtorch_version = {};
  QuantizationParent parent = {};
  std::optional<CalibrationInfo> calibration = {};  // where something was calibrated
  Coverage coverage = {};
  std::vector<QuantizedLayerInfo> layers = {};
  std::vector<LeftFloat> left_float = {};
  std::optional<QuantizationQuality> quality = {};  // where it was measured
  // What quantization-aware training goes on from (training/qat.h); null where it is over. Then there are no codes yet:
  // the folder's weights are the float masters.
  nlohmann::ordered_json qat = {};
  std::optional<CodesTraining> finetuning = {};  // where the codes were trained
  int residual_bits = 0;  // of each weight, kept in residual.safetensors for training the codes (residual.h); 0: none
};

}  // namespace slm
