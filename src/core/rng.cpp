#include "core/rng.h"

#include "core/error.h"

namespace slm {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0];
    const uint64_t product1 = kMultiplier1 * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

void philox4x32_blocks(uint64_t key, uint64_t first, int64_t count, const std::array<uint32_t*, 4>& words) {
  auto *a = words[0], *b = words[1], *c = words[2], *d = words[3];
  const std::array<uint32_t, 2> halves{static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
  for (int64_t j = 0; j < count; ++j) {
    const uint64_t block = first + static_cast<uint64_t>(j);
    const auto out = philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0}, halves);
    a[j] = out[0], b[j] = out[1], c[j] = out[2], d[j] = out[3];
  }
}

namespace {

// The finalizer of splitmix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

}  // namespace

uint64_t derive_key(uint64_t seed, std::string_view purpose) {
  uint64_t hash = 0xCBF29CE484222325;  // FNV-1a
  for (const char c : purpose) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  return mix(mix(seed + 0x9E3779B97F4A7C15) ^ hash);
}

uint64_t CounterRng::bits(uint64_t high, uint64_t low) const {
  const auto block = philox4x32({static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32),
                                 static_cast<uint32_t>(high), static_cast<uint32_t>(high >> 32)},
                                {static_cast<uint32_t>(key_), static_cast<uint32_t>(key_ >> 32)});
  return (static_cast<uint64_t>(block[1]) << 32) | block[0];
}

double CounterRng::uniform(uint64_t high, uint64_t low) const {
  return static_cast<double>(bits(high, low) >> 11) * 0x1.0p-53;
}

uint64_t RngStream::below(uint64_t bound) {
  SLM_CHECK(bound > 0);
  const uint64_t first_fair = -bound % bound;  // 2^64 mod bound: values below it would favour small remainders
  for (;;) {
    const uint64_t value = next_bits();
    if (value >= first_fair) return value % bound;
  }
}

}  // namespace slm
