#include "quantization/clip_search.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <vector>

#include "kernels/quantize.h"

namespace slm {
namespace {

constexpr int kClips = 100;             // of which the last clips nothing
constexpr int64_t kElements = 1 << 18;  // of rows that stay in the cache while all clips are tried

at::Tensor best_scales(const at::Tensor& weight, const Scheme& scheme) {
  const int64_t run = scheme.run_length(weight.size(1));
  const auto amax = largest_magnitude(weight, scheme.per_tensor(), run);
  auto best = symmetric_scales(amax, scheme.codes());
  auto least = squared_errors(weight, best, run, scheme.codes());
  for (int i = kClips - 1; i > 0; --i) {
    const auto scales = symmetric_scales(amax * static_cast<float>(static_cast<double>(i) / kClips), scheme.codes());
    const auto errors = squared_errors(weight, scales, run, scheme.codes());
    const auto better = errors < least;  // among equals the largest clip stays
    least = at::where(better, errors, least);
    best = at::where(better, scales, best);
  }
  return best;
}

}  // namespace

at::Tensor mse_scales(const at::Tensor& weight, const Scheme& scheme) {
  if (scheme.per_tensor()) return best_scales(weight, scheme);
  const int64_t rows = weight.size(0), step = std::max<int64_t>(1, kElements / weight.size(1));
  std::vector<at::Tensor> parts;
  for (int64_t row = 0; row < rows; row += step) {
    parts.push_back(best_scales(weight.narrow(0, row, std::min(step, rows - row)), scheme));
  }
  return at::cat(parts);
}

}  // namespace slm
