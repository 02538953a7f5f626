// The batches of an evaluation, as tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "data/token_stream.h"

namespace slm {

struct EvaluationSettings {
  int64_t batch_size = 8;                        // windows in one forward pass
  int64_t max_batches = 0;                       // 0: the whole text
  std::optional<int64_t> stride = std::nullopt;  // tokens from a window's beginning to the next; none: no overlap
  bool isolate_documents = false;                // attention never leaves a document
};

struct ScoredBatch {
  at::Tensor inputs, targets;       // (B, T) int64; targets kIgnoredTarget where nothing is scored
  at::Tensor document_starts;       // (B, T) int64, undefined unless documents are isolated
  std::vector<int64_t> target_ids;  // the same targets, row by row
};

/// Calls `body` for each batch of the text's EvaluationWindows of T tokens, in their order; each target is scored once.
/// `on_batch` hears the share that is done.
void for_each_scored_batch(const TokenStream& tokens, int64_t sequence_length, const EvaluationSettings& settings,
                           const std::function<void(const ScoredBatch&)>& body,
                           const std::function<void(double share)>& on_batch);

}  // namespace slm
