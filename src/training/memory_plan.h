// What a training step will hold in memory, by kind, before anything is allocated.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>

#include "model/transformer_config.h"

namespace slm {

struct MemorySettings {
  int64_t rows = 1;                         // of a micro-batch, B
  int64_t length = 1;                       // T
  at::ScalarType dtype = at::kFloat;        // that the layers compute in
  at::ScalarType state_dtype = at::kFloat;  // of AdamW's moments; uint8: codes of 8 bits
  bool muon = false;                        // has the matrices of the blocks
  bool qat = false;                         // layers compute with another form of their weights
  int64_t code_bytes = 0;                   // of each linear weight where they are trained as codes, else 0
  bool gradient_checkpointing = false;
  bool isolate_documents = false;
};

/// Bytes.
struct MemoryPlan {
  int64_t parameters = 0;   // float32, and under bfloat16 or QAT what the layers compute with
  int64_t gradients = 0;    // float32
  int64_t moments = 0;      // AdamW's two a parameter, Muon's one
  int64_t activations = 0;  // most of what the forward pass keeps, and what one block's backward pass needs at a time
  int64_t head = 0;         // logits of one chunk of tokens, and a piece of the head's gradient

  int64_t state() const { return parameters + gradients + moments; }
  int64_t total() const { return state() + activations + head; }
};

/// Activations are counted from what each operation of a block saves; buffers inside LibTorch's products are not known.
MemoryPlan memory_plan(const TransformerConfig& config, const MemorySettings& settings);

/// "parameters 3.1 + gradients 3.1 + moments 6.2 + activations 25.0 + head 0.5 = 37.9 MiB"
std::string describe(const MemoryPlan& plan);

}  // namespace slm
