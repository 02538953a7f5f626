// Named tensors, in an order.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace slm {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};
using StateDict = std::vector<NamedTensor>;

}  // namespace slm
