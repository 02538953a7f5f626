// What is written down of a quantized model beside its tensors: what was asked for, what it covers, what it was made
// from, and how far it is from that.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "config/training_config.h"
#include "data/prepare.h"
#include "evaluation/divergence.h"
#include "model/transformer.h"
#include "quantization/metadata.h"
#include "quantization/plan.h"
#include "quantization/settings.h"

namespace slm {

/// What the config's quantization keys ask for; they are resolved.
QuantizationSettings quantization_settings(const TrainingConfig& config);

/// Parameters of the plan's layers and of everything else, whether the layers are float or packed.
Coverage coverage_of(Transformer& model, const QuantizationPlan& plan);

/// What is known of a model before its layers have codes: scheme, versions, coverage, and what stays float.
QuantizationMetadata describe_quantization(const TrainingConfig& config, Transformer& model);

/// Tells the log how far a layer's codes are from its weight.
void log_layer(const QuantizedLayerInfo& layer);

/// Of a model whose codes are trained: that of the model it began from, `parent`, without what was measured of that.
QuantizationMetadata finetuned_metadata(const QuantizationMetadata& parent, const CodesTraining& training);

/// Of the folder's manifest, where it has one.
QuantizationParent parent_of(const std::filesystem::path& checkpoint);

/// How the quantized model predicts the validation text, beside its parent, whose loss goes into `parent_info`. Logs
/// both. Nothing, and a line that says so, where there is no such text.
std::optional<QuantizationQuality> measure_quality(const ComparedModel& parent, Transformer& model,
                                                   const TrainingConfig& config, const PreparedData* data,
                                                   QuantizationParent& parent_info,
                                                   const std::function<void()>& check_stop);

/// Tokens that a checkpoint's run has trained on, for each of its parameters; nothing where no run made it.
std::optional<double> tokens_per_parameter(const std::filesystem::path& checkpoint, Transformer& model);

}  // namespace slm
