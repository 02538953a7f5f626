// How far two models drift apart on the way through their layers.
#pragma once

#include <string>
#include <vector>

#include "data/token_stream.h"
#include "evaluation/scored_batches.h"
#include "model/transformer.h"

namespace slm {

/// At one of the tap's places between the layers: second model against first.
struct PlaceError {
  std::string name;           // attention.3, mlp.3, hidden.block.3, …
  double relative_error = 0;  // |second - first| / |first|, 2-norms over all tokens
  double cosine = 1;          // between the two
};

/// Over the windows of `settings`, in the order in which a pass reaches the places. Both models have as many layers.
std::vector<PlaceError> compare_places(Transformer& first, Transformer& second, const TokenStream& tokens,
                                       int64_t sequence_length, const EvaluationSettings& settings);

}  // namespace slm
