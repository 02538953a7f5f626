#include "kernels/cpu/stochastic_round.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/rng.h"
#include "kernels/cpu/vector_clones.h"

namespace slm::cpu {
namespace {

constexpr int64_t kBlocks = 16, kPiece = 4 * kBlocks;  // Philox blocks, elements that are drawn at a time
constexpr float kUnit = 0x1p-24f;

// Of the elements that begin at piece * kPiece: block b has the elements b, b + kBlocks, b + 2 kBlocks, b + 3 kBlocks.
std::array<uint32_t, kPiece> piece_words(uint64_t key, int64_t piece) {
  std::array<uint32_t, kPiece> words;
  philox4x32_blocks(key, static_cast<uint64_t>(piece) * kBlocks, kBlocks,
                    {words.data(), words.data() + kBlocks, words.data() + 2 * kBlocks, words.data() + 3 * kBlocks});
  return words;
}

// Calls body(offset from `first`, count, words) for parts of the elements, each inside one piece.
template <class Body>
void for_each_piece(uint64_t key, int64_t first, int64_t count, const Body& body) {
  for (int64_t done = 0; done < count;) {
    const int64_t piece = (first + done) / kPiece, skip = (first + done) % kPiece;
    const int64_t size = std::min(kPiece - skip, count - done);
    const auto words = piece_words(key, piece);
    body(done, size, words.data() + skip);
    done += size;
  }
}

template <class Code>
SLM_VECTOR_CLONES void round_piece(const float* __restrict x, const uint32_t* __restrict words, int64_t count,
                                   float inverse_step, float max, Code* __restrict stored) {
  for (int64_t i = 0; i < count; ++i) {
    const float uniform = static_cast<float>(static_cast<int32_t>(words[i] >> 8)) * kUnit;
    const float exact = x[i] * inverse_step, whole = std::nearbyint(exact);
    const bool is_whole = std::fabs(exact - whole) <= kStochasticSnap * std::fabs(exact);
    const float value = is_whole ? whole : exact, below = std::floor(value);
    const float number = below + (uniform < value - below ? 1.0f : 0.0f);
    const float above = number > -max ? number : -max;  // false for a NaN
    stored[i] = static_cast<Code>(static_cast<int32_t>(above < max ? above : max));
  }
}

}  // namespace

template <class Code>
void stochastic_round(const float* x, int64_t count, const StochasticRun& run, Code* stored) {
  for_each_piece(run.key, run.first, count, [&](int64_t begin, int64_t size, const uint32_t* words) {
    round_piece(x + begin, words, size, run.inverse_step, run.max, stored + begin);
  });
}

void stochastic_uniforms(uint64_t key, int64_t first, int64_t count, float* out) {
  for_each_piece(key, first, count, [&](int64_t begin, int64_t size, const uint32_t* words) {
    for (int64_t i = 0; i < size; ++i) out[begin + i] = static_cast<float>(words[i] >> 8) * kUnit;
  });
}

template void stochastic_round(const float*, int64_t, const StochasticRun&, int8_t*);
template void stochastic_round(const float*, int64_t, const StochasticRun&, int16_t*);

}  // namespace slm::cpu
