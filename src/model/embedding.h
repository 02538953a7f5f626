// A table of vectors, looked up by id.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace slm {

class Embedding final : public torch::nn::Module {
 public:
  Embedding(int64_t count, int64_t width);

  at::Tensor forward(const at::Tensor& ids) const;  // int64 (...) -> (..., C)
  void pretty_print(std::ostream& stream) const override;

  const at::Tensor& weight() const { return weight_; }  // (count, C)

 private:
  at::Tensor weight_;
};

}  // namespace slm
