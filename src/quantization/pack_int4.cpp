#include "quantization/pack_int4.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>

#include "core/error.h"
#include "kernels/float_types.h"

namespace slm {
namespace {

constexpr int64_t kCodesInWord = 8;
constexpr int kZero = 8;  // the nibble of code 0

int64_t words_of(int64_t columns) { return (columns + kCodesInWord - 1) / kCodesInWord; }

}  // namespace

at::Tensor pack_int4(const at::Tensor& codes) {
  SLM_CHECK(codes.dim() == 2 && codes.scalar_type() == at::kChar);
  const auto from = codes.cpu().contiguous();
  const int64_t rows = from.size(0), columns = from.size(1), width = words_of(columns);
  const auto words = at::empty({rows, width}, from.options().dtype(at::kInt));
  const auto* in = elements<const int8_t>(from);
  auto* out = elements<uint32_t>(words);
  at::parallel_for(0, rows, 64, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      for (int64_t word = 0; word < width; ++word) {
        const int64_t count = std::min(kCodesInWord, columns - word * kCodesInWord);
        const auto* eight = in + row * columns + word * kCodesInWord;
        uint32_t bits = 0;
        for (int64_t i = 0; i < count; ++i) bits |= static_cast<uint32_t>((eight[i] + kZero) & 15) << (4 * i);
        out[row * width + word] = bits;
      }
    }
  });
  return words.to(codes.device());
}

at::Tensor unpack_int4(const at::Tensor& words, int64_t columns) {
  SLM_CHECK(words.dim() == 2 && words.scalar_type() == at::kInt && words.size(1) == words_of(columns));
  const auto from = words.cpu().contiguous();
  const int64_t rows = from.size(0), width = from.size(1);
  const auto codes = at::empty({rows, columns}, from.options().dtype(at::kChar));
  const auto* in = elements<const uint32_t>(from);
  auto* out = elements<int8_t>(codes);
  at::parallel_for(0, rows, 64, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      for (int64_t column = 0; column < columns; ++column) {
        const uint32_t word = in[row * width + column / kCodesInWord];
        out[row * columns + column] =
            static_cast<int8_t>(static_cast<int>((word >> (4 * (column % kCodesInWord))) & 15) - kZero);
      }
    }
  });
  return codes.to(words.device());
}

}  // namespace slm
