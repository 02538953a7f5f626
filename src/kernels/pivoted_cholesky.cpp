#include "kernels/pivoted_cholesky.h"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.h"
#include "kernels/cpu/pivoted_cholesky.h"
#include "kernels/float_types.h"

namespace slm {
namespace {

class Factorization {
 public:
  Factorization(double* matrix, int64_t n, int64_t* order)
      : matrix_(matrix),
        n_(n),
        tiles_((n + cpu::kTileLanes - 1) / cpu::kTileLanes),
        order_(order),
        diagonal_(static_cast<size_t>(n)),
        packed_(static_cast<size_t>(tiles_ * kTile)) {
    for (int64_t i = 0; i < n; ++i) diagonal_[i] = matrix[i * n + i];
  }

  /// `wanted` holds the rows of A in the order of their pivots, or is null.
  void run(const int64_t* wanted) {
    for (int64_t block = 0; block < n_; block += cpu::kCholeskyBlock) {
      for (int64_t row = block; row < std::min(n_, block + cpu::kCholeskyBlock); ++row) {
        bring(row, wanted ? std::find(order_ + row, order_ + n_, wanted[row]) - order_ : least(row));
        cpu::cholesky_row(matrix_, n_, block, row, diagonal_.data());
      }
      update(block);
    }
  }

 private:
  static constexpr int64_t kTile = cpu::kCholeskyBlock * cpu::kTileLanes;

  int64_t least(int64_t first) const {
    return std::min_element(diagonal_.begin() + first, diagonal_.end()) - diagonal_.begin();
  }

  void bring(int64_t to, int64_t from) {
    cpu::swap_symmetric(matrix_, n_, to, from);
    std::swap(diagonal_[to], diagonal_[from]);
    std::swap(order_[to], order_[from]);
  }

  // What the finished block explains is taken off all that lies to its right and below.
  void update(int64_t block) {
    const int64_t first = (block + cpu::kCholeskyBlock) / cpu::kTileLanes;
    const auto each_tile = [&](const auto& body) {
      at::parallel_for(first, tiles_, 4, [&](int64_t from, int64_t to) {
        for (int64_t tile = from; tile < to; ++tile) body(tile);
      });
    };
    each_tile([&](int64_t tile) { cpu::pack_cholesky_tile(matrix_, n_, block, tile, packed_.data() + tile * kTile); });
    each_tile([&](int64_t tile) { cpu::update_cholesky_tile(matrix_, n_, block, tile, packed_.data()); });
  }

  double* matrix_;
  int64_t n_, tiles_;
  int64_t* order_;
  std::vector<double> diagonal_;  // of what is left of A, in the order of now
  std::vector<double> packed_;    // the finished block in tiles
};

}  // namespace

PivotedCholesky pivoted_cholesky(const at::Tensor& matrix, const at::Tensor& order) {
  SLM_CHECK(matrix.dim() == 2 && matrix.size(0) == matrix.size(1) && matrix.scalar_type() == at::kDouble);
  const int64_t n = matrix.size(0);
  const PivotedCholesky result{matrix, at::arange(n, at::kLong)};
  Factorization factorization(elements<double>(matrix), n, elements<int64_t>(result.order));
  if (!order.defined()) {
    factorization.run(nullptr);
    return result;
  }
  SLM_CHECK(order.sizes() == result.order.sizes() && order.scalar_type() == at::kLong);
  factorization.run(elements<const int64_t>(order.contiguous()));
  return result;
}

}  // namespace slm
