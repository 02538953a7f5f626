#include "kernels/cpu/gptq.h"

#include <algorithm>
#include <array>

#include "kernels/cpu/vector_clones.h"

namespace slm::cpu {
namespace {

// Rounds the column at `place` in each row. `moved` is what the errors made so far add to the weights there.
void round_column(const Sweep& sweep, int64_t place, const float* weight, int64_t rows, const float* scales,
                  const std::array<double, kSweepRows>& moved, double* errors, int8_t* codes, float* rounded) {
  const int64_t column = sweep.order[place];
  const auto min = static_cast<float>(sweep.range.min), max = static_cast<float>(sweep.range.max);
  const double pivot = sweep.factor[place * sweep.columns + place];
  for (int64_t row = 0; row < rows; ++row) {
    const double value = weight[row * sweep.columns + column];
    const float scale = scales[row * sweep.scales_a_row + (sweep.scales_a_row == 0 ? 0 : column / sweep.group_size)];
    const auto exact = static_cast<float>(value + moved[row] / pivot);
    const float code = quantize_element(exact, 1.0f / scale, 0, min, max);
    errors[place * kSweepRows + row] = value - dequantize_element(code, scale, 0);
    codes[row * sweep.columns + column] = static_cast<int8_t>(static_cast<int32_t>(code));
    if (rounded != nullptr) rounded[row * sweep.columns + column] = exact;
  }
}

}  // namespace

SLM_VECTOR_CLONES void sweep_rows(const Sweep& sweep, const float* weight, int64_t rows, const float* scales,
                                  double* errors, int8_t* codes, float* rounded) {
  const int64_t columns = sweep.columns;
  std::fill_n(errors, columns * kSweepRows, 0.0);
  for (int64_t end = columns; end > 0; end -= kTileRows) {
    const int64_t begin = std::max<int64_t>(0, end - kTileRows);
    std::array<const double*, kTileRows> factor;
    for (int64_t r = 0; r < kTileRows; ++r) factor[r] = sweep.factor + std::min(begin + r, end - 1) * columns;
    ProductTile moved;
    tile_product(
        columns - end, [&](int64_t r, int64_t i) { return factor[r][end + i]; }, errors + end * kSweepRows, moved);
    for (int64_t place = end - 1; place >= begin; --place) {
      auto& sums = moved[place - begin];
      for (int64_t after = place + 1; after < end; ++after) {
        const double by = factor[place - begin][after];
        for (int64_t row = 0; row < kSweepRows; ++row) sums[row] += by * errors[after * kSweepRows + row];
      }
      round_column(sweep, place, weight, rows, scales, sums, errors, codes, rounded);
    }
  }
}

}  // namespace slm::cpu
