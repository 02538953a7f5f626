#include "kernels/cpu/dropout.h"

#include <algorithm>
#include <array>

#include "core/rng.h"

namespace slm::cpu {
namespace {

constexpr int64_t kBlocks = 256;         // Philox blocks of one piece
constexpr int64_t kPiece = 4 * kBlocks;  // elements of one piece

}  // namespace

template <class Float>
void dropout(const Float* in, int64_t count, uint64_t key, int64_t row, uint32_t threshold, float scale, Float* out) {
  std::array<uint32_t, kPiece> words;
  for (int64_t begin = 0; begin < count; begin += kPiece) {
    // A row has 2^32 blocks of its own.
    const uint64_t first = (static_cast<uint64_t>(row) << 32) + static_cast<uint64_t>(begin / 4);
    philox4x32_blocks(key, first, kBlocks,
                      {words.data(), words.data() + kBlocks, words.data() + 2 * kBlocks, words.data() + 3 * kBlocks});
    const int64_t size = std::min(kPiece, count - begin);
    for (int64_t i = 0; i < size; ++i) {
      store(out[begin + i], words[static_cast<size_t>(i)] < threshold ? 0.0f : to_float(in[begin + i]) * scale);
    }
  }
}

template void dropout(const float*, int64_t, uint64_t, int64_t, uint32_t, float, float*);
template void dropout(const Bfloat16*, int64_t, uint64_t, int64_t, uint32_t, float, Bfloat16*);

}  // namespace slm::cpu
