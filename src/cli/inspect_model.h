// From a checkpoint to the numbers that `slm inspect` shows.
#pragma once

#include <functional>
#include <string>
#include <vector>

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

/// A model whose layers `metadata` lists; `parent` is the float model that it was made from, null where it is not at
/// hand. Of scales that moved from norms into weights (smoothing) the parent's weights know nothing: then what is said
/// of weights is what `metadata` says.
Inspection inspect_quantized(Transformer& model, const QuantizationMetadata& metadata, Transformer* parent,
                             const LayerFilter& wanted);

}  // namespace slm::cli
