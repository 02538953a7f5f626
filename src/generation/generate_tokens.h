// Continuing token ids, several texts side by side, with a key/value cache.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "generation/sampler.h"
#include "model/kv_cache.h"
#include "model/transformer.h"

namespace slm {

struct DrawSettings {
  int64_t count = 0;  // tokens after each prompt, at most
  SamplingSettings sampling = {};
  KvCacheKind kv_cache = KvCacheKind::kFloat;
};

/// Draws tokens after each prompt (at least one id), a row each, calling `on_token` with each; a row leaves the batch
/// where it returns false. Where a row's context is full, the newer half of it is kept and read again. Row r draws from
/// the stream of row `sampling.first_row` + r, whatever stands in the other rows.
void generate_tokens(Transformer& model, std::span<const std::vector<int32_t>> prompts, const DrawSettings& settings,
                     const std::function<bool(size_t row, int32_t id)>& on_token);

}  // namespace slm
