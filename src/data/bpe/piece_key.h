// A short piece of text as a number of 128 bits, so that tables compare and hash it in a few instructions.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace slm {

/// Bytes 0 .. 7, then bytes 8 .. 14 and the length: equal keys are equal pieces. {0, 0} stands for no piece.
struct PieceKey {
  uint64_t low = 0, high = 0;

  bool operator==(const PieceKey&) const = default;
};

inline constexpr size_t kLongestPieceKey = 15;

namespace detail {

template <class Word>
uint64_t load(const char* bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// The bytes of a piece of 1 to 7, zeros behind them; loads that overlap agree where they do.
inline uint64_t load_below_8(const char* bytes, size_t length) {
  if (length >= 4) return load<uint32_t>(bytes) | load<uint32_t>(bytes + length - 4) << (8 * (length - 4));
  const size_t middle = length / 2, last = length - 1;
  return load<uint8_t>(bytes) | load<uint8_t>(bytes + middle) << (8 * middle) |
         load<uint8_t>(bytes + last) << (8 * last);
}

}  // namespace detail

/// The key of a piece of 1 to kLongestPieceKey bytes.
inline PieceKey piece_key(std::string_view piece) {
  const size_t length = piece.size();
  const uint64_t marked = static_cast<uint64_t>(length) << 56;
  if (length < 8) return {detail::load_below_8(piece.data(), length), marked};
  const uint64_t low = detail::load<uint64_t>(piece.data());
  if (length == 8) return {low, marked};
  return {low, marked | detail::load<uint64_t>(piece.data() + length - 8) >> (8 * (16 - length))};
}

/// Every bit of the key reaches the low bits of the hash.
inline uint64_t hash_of(const PieceKey& key) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{key.low ^ 0x9E3779B97F4A7C15} * (key.high ^ 0xD1B54A32D192ED03);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace slm
