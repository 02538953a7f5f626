// How probable a model finds a text after another.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/transformer.h"

namespace slm {

struct Continuation {
  std::vector<int32_t> context;  // at least one id
  std::vector<int32_t> ids;      // at least one; what is scored
};

/// ln p of every id of each continuation, given its context and the ids before it. What is longer than the model's
/// window of T inputs is cut at its beginning: mostly the context, but of a continuation of more than T ids only the
/// last T are scored. `batch_size` continuations go through the model side by side, padded on the right.
std::vector<std::vector<double>> score_continuations(Transformer& model, std::span<const Continuation> continuations,
                                                     size_t batch_size);

}  // namespace slm
