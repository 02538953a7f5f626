// The two kinds of forward pass that generating takes, each with a cache: reading whole prompts, and going on by one
// token a row.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/transformer.h"

namespace slm {

/// Reads prompts (at least one id each), one a row of the empty cache, padded on the right to the longest, in one pass;
/// returns the logits (B, V) after each prompt's last token.
at::Tensor prefill(Transformer& model, const std::vector<std::span<const int32_t>>& prompts, KvCache& cache);

/// Appends one token to each row; returns the logits (B, V) after it.
at::Tensor decode(Transformer& model, const std::vector<int64_t>& ids, KvCache& cache);

}  // namespace slm
