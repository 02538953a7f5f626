// From a checkpoint to the numbers that `slm inspect` shows.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/model_folder.h"
#include "model/transformer.h"
#include "quantization/metadata.h"
#include "quantization/plan.h"
#include "report/inspection.h"

namespace slm::cli {

/// Which layers a person wants to see, by canonical name; none: all.
using LayerFilter = std::function<bool(const std::string& name)>;

/// The linear layers' canonical names, in the order of the forward pass.
std::vector<std::string> linear_names(Transformer& model);

/// A float model as it is.
Inspection inspect_float(Transformer& model, const LayerFilter& wanted);

/// Weights (N, K) by their linear layer.
using LayerWeights = std::map<std::string, at::Tensor>;

/// A model whose layers `metadata` lists; `originals` are the float weights that it was made from, empty where they are
/// not at hand. Of scales that moved from norms into weights (smoothing) these know nothing: then what is said of
/// weights is what `metadata` says.
Inspection inspect_quantized(Transformer& model, const QuantizationMetadata& metadata, const LayerWeights& originals,
                             const LayerFilter& wanted);

/// The weights of a float model's layers.
LayerWeights dense_weights(Transformer& model);

/// The same of a loaded model; where it is being trained for quantization, the masters.
LayerWeights float_weights(const LoadedModel& loaded);

/// A model of quantization-aware training that has begun, from `folder`: its masters and the codes that they would
/// become now, which take their place. Error (kData) where a static range was not observed yet.
Inspection inspect_in_training(const LoadedModel& loaded, const std::filesystem::path& folder,
                               const LayerFilter& wanted);

}  // namespace slm::cli
