// The steps of a Cholesky factorization in place, in float64: A (n, n), row-major, of which the upper triangle is read
// and becomes U with A = U^T U. See kernels/pivoted_cholesky.h.
#pragma once

#include <cstdint>

#include "kernels/cpu/tile_product.h"

namespace slm::cpu {

inline constexpr int64_t kCholeskyBlock = 64;  // rows of U between two updates of what is left of A

/// Exchanges two rows, and the same two columns, of a symmetric matrix whose upper triangle is stored.
void swap_symmetric(double* matrix, int64_t n, int64_t first, int64_t second);

/// Row `row` of U, whose block began at `block`; `diagonal` (n) holds what is left of A's diagonal and is kept up.
void cholesky_row(double* matrix, int64_t n, int64_t block, int64_t row, double* diagonal);

/// Columns tile * kTileLanes ... of a finished block of U as (kCholeskyBlock, kTileLanes), 0 beyond the matrix.
void pack_cholesky_tile(const double* matrix, int64_t n, int64_t block, int64_t tile, double* packed);

/// Takes that block's share off the tile's columns of what is left of A, from row block + kCholeskyBlock on. `packed`
/// holds all tiles.
void update_cholesky_tile(double* matrix, int64_t n, int64_t block, int64_t tile, const double* packed);

}  // namespace slm::cpu
