// Where in a run a forward pass stands, for dropout's masks.
#pragma once

#include <cstdint>

namespace slm {

/// Which step of which run, and which of its rows come first in this micro-batch.
struct DropoutPlace {
  double p = 0;  // probability of a zero
  uint64_t seed = 0;
  int64_t step = 0;
  int64_t first_row = 0;
};

}  // namespace slm
