#include "model/forward_context.h"

#include <fmt/format.h>

#include "core/rng.h"
#include "kernels/dropout.h"

namespace slm {

at::Tensor ForwardContext::join(std::string_view name, at::Tensor value) const {
  if (dropout.p > 0) {
    const auto key = derive_key(dropout.seed, fmt::format("dropout {} {}", dropout.step, name));
    value = slm::dropout(value, dropout.p, key, dropout.first_row);
  }
  listen(name, value);
  return value;
}

}  // namespace slm
