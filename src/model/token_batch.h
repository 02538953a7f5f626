// Texts side by side, as a model reads them.
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

struct TokenBatch {
  at::Tensor ids;                   // (B, T) int64
  at::Tensor document_starts = {};  // (B, T) int64 (documents.h); undefined where attention may leave a document
};

}  // namespace slm
