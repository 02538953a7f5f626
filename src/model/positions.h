// Where the tokens of one forward pass stand in their texts.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace slm {

struct Positions {
  int64_t first = 0;  // of the first token of every row
  at::Tensor each;    // (B, T) int64 where the rows differ; undefined where `first` says it all
};

}  // namespace slm
