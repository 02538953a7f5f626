// Equality of every bit: unlike at::equal, a NaN equals itself and -0 is not 0.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace slm {

inline at::Tensor bits_of(const at::Tensor& tensor) {
  if (tensor.scalar_type() == at::kFloat) return tensor.contiguous().view(at::kInt);
  if (tensor.scalar_type() == at::kDouble) return tensor.contiguous().view(at::kLong);
  return tensor;
}

/// Passes where dtype, shape and all bits agree; names the first element that differs otherwise.
inline testing::AssertionResult same_bits(const at::Tensor& actual, const at::Tensor& expected) {
  if (actual.sizes() != expected.sizes() || actual.scalar_type() != expected.scalar_type()) {
    return testing::AssertionFailure() << actual.scalar_type() << actual.sizes() << ", expected "
                                       << expected.scalar_type() << expected.sizes();
  }
  const auto different = at::nonzero(bits_of(actual).ne(bits_of(expected)).flatten());
  if (different.size(0) == 0) return testing::AssertionSuccess();
  const auto first = different[0].item<int64_t>();
  return testing::AssertionFailure() << different.size(0) << " elements differ; the first, " << first << ", is "
                                     << actual.flatten()[first].item<double>() << ", expected "
                                     << expected.flatten()[first].item<double>();
}

}  // namespace slm
