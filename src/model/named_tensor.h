// A tensor and its name.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace slm {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

}  // namespace slm
