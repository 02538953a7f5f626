// Normalization over the last dimension.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include "model/transformer_config.h"

namespace slm {

/// RMSNorm (Zhang & Sennrich 2019, arXiv:1910.07467) or LayerNorm (Ba et al. 2016, arXiv:1607.06450); weight (C), and
/// for LayerNorm an optional bias (C).
class Norm final : public torch::nn::Module {
 public:
  Norm(NormKind kind, int64_t width, double eps, bool bias);

  at::Tensor forward(const at::Tensor& x) const;  // (..., C) -> (..., C)
  void pretty_print(std::ostream& stream) const override;

 private:
  NormKind kind_;
  double eps_;
  at::Tensor weight_, bias_;
};

}  // namespace slm
