// Which of the abilities that the built-in stories need a model has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/tokenizer.h"
#include "model/transformer.h"

namespace slm {

struct ProbeScore {
  std::string ability;  // recall, agreement, counting, closing
  int64_t right = 0;
  int64_t total = 0;
};

/// A probe is right where the model gives its correct continuation a higher log-probability than every wrong one.
/// Contexts are cut at their beginning to the model's window.
std::vector<ProbeScore> score_probes(Transformer& model, const Tokenizer& tokenizer);

}  // namespace slm
