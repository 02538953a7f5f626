#include "kernels/cpu/pivoted_cholesky.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/cpu/vector_clones.h"

namespace slm::cpu {

void swap_symmetric(double* matrix, int64_t n, int64_t first, int64_t second) {
  if (first == second) return;
  const auto at = [&](int64_t row, int64_t column) -> double& { return matrix[row * n + column]; };
  for (int64_t i = 0; i < first; ++i) std::swap(at(i, first), at(i, second));
  for (int64_t i = first + 1; i < second; ++i) std::swap(at(first, i), at(i, second));
  for (int64_t i = second + 1; i < n; ++i) std::swap(at(first, i), at(second, i));
  std::swap(at(first, first), at(second, second));
}

SLM_VECTOR_CLONES void cholesky_row(double* matrix, int64_t n, int64_t block, int64_t row,
                                    double* __restrict diagonal) {
  double* __restrict out = matrix + row * n;
  for (int64_t above = block; above < row; ++above) {
    const double* __restrict from = matrix + above * n;
    const double by = from[row];
    for (int64_t i = row + 1; i < n; ++i) out[i] -= by * from[i];
  }
  const double pivot = std::sqrt(diagonal[row]);
  out[row] = pivot;
  for (int64_t i = row + 1; i < n; ++i) {
    out[i] /= pivot;
    diagonal[i] -= out[i] * out[i];
  }
}

void pack_cholesky_tile(const double* matrix, int64_t n, int64_t block, int64_t tile, double* packed) {
  const int64_t column = tile * kTileLanes, width = std::min(kTileLanes, n - column);
  for (int64_t i = 0; i < kCholeskyBlock; ++i, packed += kTileLanes) {
    std::copy_n(matrix + (block + i) * n + column, width, packed);
    std::fill(packed + width, packed + kTileLanes, 0.0);
  }
}

SLM_VECTOR_CLONES void update_cholesky_tile(double* matrix, int64_t n, int64_t block, int64_t tile,
                                            const double* packed) {
  constexpr int64_t kSize = kCholeskyBlock * kTileLanes;
  const int64_t column = tile * kTileLanes, width = std::min(kTileLanes, n - column);
  const int64_t last = std::min(n, column + kTileLanes);
  for (int64_t row = block + kCholeskyBlock; row < last; row += kTileRows) {
    // kTileRows divides kTileLanes and kCholeskyBlock, so that the four rows lie in one packed tile.
    const double* rows = packed + row / kTileLanes * kSize + row % kTileLanes;
    ProductTile product;
    tile_product(
        kCholeskyBlock, [&](int64_t r, int64_t i) { return rows[i * kTileLanes + r]; }, packed + tile * kSize, product);
    for (int64_t r = 0; r < std::min(kTileRows, n - row); ++r) {
      double* out = matrix + (row + r) * n + column;
      for (int64_t lane = 0; lane < width; ++lane) out[lane] -= product[r][lane];
    }
  }
}

}  // namespace slm::cpu
