// Which parameters a run leaves as they are.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/transformer_config.h"

namespace slm {

/// The canonical names that one of `globs` matches (see glob_matches), of a model of this shape. Error (kUsage) for a
/// glob that matches none, with the nearest that does, and where no parameter is left to train.
std::set<std::string> frozen_parameters(const TransformerConfig& config, const std::vector<std::string>& globs);

}  // namespace slm
