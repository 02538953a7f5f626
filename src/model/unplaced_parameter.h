// A parameter before it has memory.
#pragma once

#include <ATen/ops/empty_strided.h>

#include <vector>

namespace slm {

/// A tensor of that shape without memory for its values, until set_data or a ParameterArena gives it some: all of its
/// elements are one. Writing to it is an error.
inline at::Tensor unplaced_parameter(at::IntArrayRef sizes) {
  return at::empty_strided(sizes, std::vector<int64_t>(sizes.size(), 0));
}

}  // namespace slm
