// Looking up rows of a table.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// ids int64 (...) -> (..., C) rows of weight (count, C). Differentiable. Where the weight is a leaf with a preassigned
/// gradient, backward adds the rows to it, in the order of the ids, instead of making a gradient of the table's size.
at::Tensor embedding_lookup(const at::Tensor& weight, const at::Tensor& ids);

}  // namespace slm
