// Continuing token ids, several texts side by side, with a key/value cache.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "generation/sampler.h"
#include "model/transformer.h"

namespace slm {

/// Draws up to `count` tokens after each prompt (at least one id), a row each, calling `on_token` with each; a row
/// leaves the batch where it returns false. Where a row's context is full, the newer half of it is kept and read again.
/// Row r draws from the stream of row `sampling.first_row` + r, whatever stands in the other rows.
void generate_tokens(Transformer& model, std::span<const std::vector<int32_t>> prompts, int64_t count,
                     const SamplingSettings& sampling, const std::function<bool(size_t row, int32_t id)>& on_token);

}  // namespace slm
