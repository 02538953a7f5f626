// The runs of a matrix's elements that share a scale (the shapes of scales are in quantize.h).
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>

#include "core/error.h"
#include "kernels/float_types.h"

namespace slm {

inline constexpr int64_t kQuantizeGrain = 1 << 14;  // elements worth a thread of their own

inline int64_t groups_of(int64_t columns, int64_t group_size) { return (columns + group_size - 1) / group_size; }

/// Calls body(offset, count, scale) for every run of elements of (N, K) that share a scale, on all threads. With one
/// scale for all a run is a row.
template <class Body>
void for_each_run(const at::Tensor& matrix, const at::Tensor& scales, int64_t group_size, const Body& body) {
  const int64_t rows = matrix.size(0), columns = matrix.size(1);
  const bool one_scale = scales.dim() == 1;
  const int64_t length = one_scale ? columns : group_size;
  const int64_t groups = one_scale ? 1 : groups_of(columns, group_size);
  SLM_CHECK(one_scale ? scales.size(0) == 1 : scales.size(0) == rows && scales.size(1) == groups);
  const auto held = scales.contiguous();
  const auto* scale = elements<const float>(held);
  const int64_t grain = std::max<int64_t>(1, kQuantizeGrain / std::max<int64_t>(1, columns));
  at::parallel_for(0, rows, grain, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) {
      for (int64_t group = 0; group < groups; ++group) {
        const int64_t begin = group * length;
        body(row * columns + begin, std::min(length, columns - begin), scale[one_scale ? 0 : row * groups + group]);
      }
    }
  });
}

/// A number a run, (N, G) float64 where G runs lie in a row, in the shape of the scales: with one scale for all they
/// are added from the first row to the last, whatever the number of threads.
at::Tensor shaped_as_scales(const at::Tensor& of_runs, const at::Tensor& scales);

}  // namespace slm
