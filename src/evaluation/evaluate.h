// The loss over a text.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "data/token_stream.h"
#include "evaluation/scored_batches.h"
#include "model/transformer.h"

namespace slm {

struct EvaluationResult {
  double loss = 0;           // nats per token
  double perplexity = 0;     // exp(loss)
  double bits_per_byte = 0;  // of the scored tokens' text: comparable across tokenizers
  int64_t tokens = 0;        // scored
};

/// Scores the text's EvaluationWindows of T tokens in their order: without a stride each token sees at most T - 1
/// before it and a tail shorter than a window is left out; with one every token but the first is scored, once.
/// `token_bytes` holds each id's length in bytes (token_byte_counts). `on_batch` hears the share that is done.
EvaluationResult evaluate(Transformer& model, const TokenStream& tokens, const std::vector<int32_t>& token_bytes,
                          int64_t sequence_length, const EvaluationSettings& settings,
                          const std::function<void(double share)>& on_batch = {});

}  // namespace slm
