#include "quantization/pack_int4.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/error.h"
#include "kernels/float_types.h"

namespace slm {
namespace {

constexpr int64_t kCodesInWord = 8;
constexpr int kZero = 8;  // the nibble of code 0

// The eight codes of a word as bytes, the lowest nibble first in memory: nibbles are spread out, and 8 is taken off
// each with the bytes' top bits set meanwhile, so that none borrows from its neighbour.
uint64_t code_bytes(uint32_t word) {
  static_assert(std::endian::native == std::endian::little, "tensors are little-endian here");
  constexpr uint64_t kTopBits = 0x8080808080808080, kZeros = kZero * 0x0101010101010101ULL;
  uint64_t bytes = word;
  bytes = (bytes | bytes << 16) & 0x0000ffff0000ffff;
  bytes = (bytes | bytes << 8) & 0x00ff00ff00ff00ff;
  bytes = (bytes | bytes << 4) & 0x0f0f0f0f0f0f0f0f;
  return ((bytes | kTopBits) - kZeros) ^ kTopBits;
}

}  // namespace

at::Tensor pack_int4(const at::Tensor& codes) {
  SLM_CHECK(codes.dim() == 2 && codes.scalar_type() == at::kChar);
  const auto from = codes.cpu().contiguous();
  const int64_t rows = from.size(0), columns = from.size(1), width = int4_words(columns);
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
  SLM_CHECK(words.dim() == 2 && words.scalar_type() == at::kInt && words.size(1) == int4_words(columns));
  const auto from = words.cpu().contiguous();
  const int64_t rows = from.size(0), width = from.size(1);
  const auto codes = at::empty({rows, columns}, from.options().dtype(at::kChar));
  const auto* in = elements<const uint32_t>(from);
  auto* out = elements<int8_t>(codes);
  at::parallel_for(0, rows, 64, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const auto* words_in_row = in + row * width;
      auto* codes_in_row = out + row * columns;
      int64_t word = 0;
      for (; (word + 1) * kCodesInWord <= columns; ++word) {
        const uint64_t eight = code_bytes(words_in_row[word]);
        std::memcpy(codes_in_row + word * kCodesInWord, &eight, sizeof(eight));
      }
      if (word == width) continue;
      const uint64_t rest = code_bytes(words_in_row[word]);
      std::memcpy(codes_in_row + word * kCodesInWord, &rest, static_cast<size_t>(columns - word * kCodesInWord));
    }
  });
  return codes.to(words.device());
}

}  // namespace slm
