// Cholesky factorization with symmetric pivoting (Higham 1990, "Analysis of the Cholesky Decomposition of a
// Semi-definite Matrix", whose largest pivot comes first; here it is the least).
#pragma once

#include <ATen/core/Tensor.h>

namespace slm {

/// P A P^T = U^T U. The same bits whatever the number of threads.
struct PivotedCholesky {
  at::Tensor factor;  // (n, n) float64: U above the diagonal and on it; below it is what was left over
  at::Tensor order;   // (n) int64: row i of U belongs to row order[i] of A
};

/// `matrix` (n, n) float64, symmetric and positive definite, on the CPU, is overwritten: it becomes the factor, and
/// little else is allocated. Pivots are taken in `order` (n) int64, or, where that is undefined, the least that is left
/// first. A matrix that is not positive definite gives NaN.
PivotedCholesky pivoted_cholesky(const at::Tensor& matrix, const at::Tensor& order = {});

}  // namespace slm
