// What attention on a CPU does between its matrix products: raw pointers, one tile of kAttentionTile queries and as
// many keys. Packed matrices are right-hand operands of oneDNN's kernels: float32 as it is, bfloat16 with the elements
// of two neighbouring rows side by side, (K / 2, N, 2).
#pragma once

#include <cstdint>

#include "kernels/cpu/bfloat16.h"

namespace slm::cpu {

constexpr int64_t kAttentionTile = 64;

/// Packs `rows` <= kAttentionTile rows of `width`, which lie `stride` elements apart, as (kAttentionTile, width); the
/// rows that are missing are 0.
template <class Float>
void pack_rows(const Float* rows, int64_t stride, int64_t count, int64_t width, Float* packed);

/// Packs the transposed rows, (width, kAttentionTile); the columns that are missing are 0.
template <class Float>
void pack_transposed(const Float* rows, int64_t stride, int64_t count, int64_t width, Float* packed);

/// The transposed rows as they are, (width, kAttentionTile); the columns that are missing are 0.
template <class Float>
void transpose(const Float* rows, int64_t stride, int64_t count, int64_t width, Float* out);

/// Of one query's `visible` scores: weights[j] = exp(scale (score[j] - largest)), 0 from `visible` to `padded`. Returns
/// their sum, and in `log_sum` the logarithm of the sum of exp(scale score), which the backward pass wants.
template <class Float>
float softmax_numerators(const float* scores, int64_t visible, int64_t padded, float scale, Float* weights,
                         float* log_sum);

/// The transposed tile of scores and of their weights' gradients, (keys, queries), becomes weights p = exp(scale s -
/// log_sum) and the gradient of the unscaled products, scale p (dp - delta). `first_visible` is the query of this tile
/// that sees the tile's first key as its last one: key j is seen by the queries from first_visible + j on.
template <class Float>
void differentiate_softmax(const float* scores, const float* weight_gradients, const float* log_sums,
                           const float* deltas, int64_t first_visible, float scale, Float* weights,
                           Float* score_gradients);

/// sum over i of a[i] b[i] in float32.
template <class Float>
float dot(const Float* a, const Float* b, int64_t count);

/// out[i] = factor * values[i].
template <class Float>
void store_scaled(const float* values, int64_t count, float factor, Float* out);

}  // namespace slm::cpu
