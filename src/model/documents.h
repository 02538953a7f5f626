// Documents side by side in one row that do not see each other.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// Where each token stands in its document: starts (B, T) int64, the place in its row where a token's document begins.
at::Tensor document_positions(const at::Tensor& starts);

/// A mask for masked_attention, (B, 1, T, T) of `dtype`: 0 where a token sees another one, its own document's up to
/// itself, and -infinity elsewhere.
at::Tensor document_mask(const at::Tensor& starts, at::ScalarType dtype);

}  // namespace slm
