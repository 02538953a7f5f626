// Several dense layers of one input as one product: their weights lie side by side in the parameter arena, so that the
// joined weight is one view of the same memory, and its gradient one view of theirs.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <vector>

#include "model/linear.h"

namespace slm {

class FusedLinear {
 public:
  /// Nothing where a layer is not dense, where they do not prepare their input alike, or where weights, biases or
  /// gradients are not adjacent in this order.
  static std::optional<FusedLinear> make(const std::vector<std::shared_ptr<Linear>>& layers);

  /// x (..., K) -> the layers' outputs side by side (..., sum of N).
  at::Tensor forward(const at::Tensor& x) const;
  /// The same as one tensor a layer, views of it.
  std::vector<at::Tensor> forward_split(const at::Tensor& x) const;

 private:
  std::shared_ptr<DenseLinear> first_;  // prepares the input for all
  at::Tensor weight_, bias_;
  std::vector<int64_t> sizes_;
};

}  // namespace slm
