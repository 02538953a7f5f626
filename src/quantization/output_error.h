// How far the outputs inside a quantized model are from those of its float parent, from the first layer to the last.
#pragma once

#include <vector>

#include "model/token_batch.h"
#include "model/transformer.h"
#include "report/inspection.h"

namespace slm {

struct OutputErrors {
  std::vector<OutputError> layers;  // each linear layer that is quantized, in the order of the forward pass
  std::vector<OutputError> blocks;  // hidden.block.<i>
  int64_t tokens = 0;
};

/// Runs both models over the batches. `local`: the layer, or block, of `model` on the input that
/// `parent` gives it; `cumulative`: on what the layers of `model` before it give. Both are ||y - y^|| / ||y|| with y of
/// `parent`. With `same_inputs` false (scales have moved from norms into weights, so that the layers' inputs are not
/// the parent's) only blocks are compared.
OutputErrors measure_output_errors(Transformer& parent, Transformer& model, const std::vector<TokenBatch>& batches,
                                   bool same_inputs);

}  // namespace slm
