#include "kernels/sum_of_squares.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "core/error.h"
#include "kernels/plain.h"

namespace slm {
namespace {

constexpr int64_t kBlock = 1 << 15;

double block_sum(const float* x, int64_t count) {
  std::array<double, 16> lanes{};  // independent sums, so that the loop is vectorized without reordering
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    for (int64_t lane = 0; lane < 16; ++lane) lanes[lane] += static_cast<double>(x[i + lane]) * x[i + lane];
  }
  for (; i < count; ++i) lanes[0] += static_cast<double>(x[i]) * x[i];
  return std::accumulate(lanes.begin(), lanes.end(), 0.0);
}

}  // namespace

double sum_of_squares(const at::Tensor& flat) {
  SLM_CHECK(flat.scalar_type() == at::kFloat && flat.is_contiguous());
  if (!flat.is_cpu()) return plain::sum_of_squares(flat);
  const float* x = flat.data_ptr<float>();
  const int64_t size = flat.numel(), blocks = (size + kBlock - 1) / kBlock;
  std::vector<double> sums(static_cast<size_t>(blocks));
  at::parallel_for(0, blocks, 1, [&](int64_t from, int64_t to) {
    for (int64_t b = from; b < to; ++b) sums[b] = block_sum(x + b * kBlock, std::min(kBlock, size - b * kBlock));
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace slm
