#include "model/documents.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include <limits>

namespace slm {

at::Tensor document_positions(const at::Tensor& starts) {
  return at::arange(starts.size(1), starts.options()) - starts;
}

at::Tensor document_mask(const at::Tensor& starts, at::ScalarType dtype) {
  const int64_t rows = starts.size(0), tokens = starts.size(1);
  const auto keys = at::arange(tokens, starts.options());
  const auto hidden = (keys < starts.unsqueeze(2)).logical_or_(keys > keys.unsqueeze(1));  // (B, T, T)
  return at::zeros({rows, tokens, tokens}, starts.options().dtype(dtype))
      .masked_fill_(hidden, -std::numeric_limits<double>::infinity())
      .unsqueeze(1);
}

}  // namespace slm
