#include "model/golden.h"

#include <ATen/ATen.h>

namespace slm {

std::filesystem::path golden_path(const std::string& name) {
  return std::filesystem::path(SLM_SOURCE_DIR) / "tests" / "golden" / name;
}

testing::AssertionResult close(const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  if (actual.sizes() != expected.sizes()) {
    return testing::AssertionFailure() << "shape " << actual.sizes() << ", expected " << expected.sizes();
  }
  if (actual.numel() == 0) return testing::AssertionSuccess();
  const auto error =
      (actual.detach().to(at::kCPU, at::kDouble) - expected.detach().to(at::kCPU, at::kDouble)).abs().flatten();
  const auto worst = error.nan_to_num(std::numeric_limits<double>::infinity()).argmax().item<int64_t>();
  const double largest = error[worst].item<double>();
  if (largest <= tolerance) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "element " << worst << " of " << actual.sizes() << " is "
                                     << actual.flatten()[worst].item<double>() << ", expected "
                                     << expected.flatten()[worst].item<double>() << " +- " << tolerance << " (off by "
                                     << largest << ")";
}

}  // namespace slm
