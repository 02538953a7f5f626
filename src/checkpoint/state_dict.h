// Named tensors, in an order.
#pragma once

#include <vector>

#include "model/named_tensor.h"

namespace slm {

using StateDict = std::vector<NamedTensor>;

}  // namespace slm
