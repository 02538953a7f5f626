// Parameters whose gradient has its memory already: backward passes add to it in place.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

inline bool has_preassigned_gradient(const at::Tensor& leaf) {
  return leaf.requires_grad() && leaf.is_leaf() && leaf.grad().defined();
}

}  // namespace slm
