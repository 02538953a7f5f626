// Which layers of a model get an adapter.
#pragma once

#include <string>
#include <vector>

#include "model/transformer_config.h"

namespace slm {

/// The canonical names of the linear layers of the blocks, in the order of the model's file.
std::vector<std::string> block_linear_layers(const TransformerConfig& config);

/// Those of them that one of `globs` matches (see glob_matches). Error (kUsage) for a glob that matches none, with the
/// nearest that does, and for layers whose adapters peft's format cannot hold: GPT2LMHeadModel has q, k and v in one
/// module, whose single adapter they would have to share.
std::vector<std::string> layers_to_adapt(const TransformerConfig& config, const std::vector<std::string>& globs);

}  // namespace slm
