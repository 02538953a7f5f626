// From a tensor's dtype to the type that CPU kernels are written for.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/error.h"
#include "kernels/cpu/bfloat16.h"

namespace slm {

/// Calls body(Float{}) with float or cpu::Bfloat16, whichever the dtype is.
template <class Body>
decltype(auto) with_float_type(at::ScalarType dtype, const Body& body) {
  if (dtype == at::kBFloat16) return body(cpu::Bfloat16{});
  SLM_CHECK(dtype == at::kFloat);
  return body(float{});
}

/// The elements of a contiguous tensor of that dtype.
template <class Float>
Float* elements(const at::Tensor& tensor) {
  SLM_CHECK(tensor.is_contiguous() && tensor.element_size() == sizeof(Float));
  return static_cast<Float*>(tensor.data_ptr());
}

}  // namespace slm
