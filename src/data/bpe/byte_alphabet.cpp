#include "data/bpe/byte_alphabet.h"

#include <algorithm>
#include <numeric>

#include "data/utf8.h"

namespace slm {
namespace {

constexpr char32_t kFirstSubstitute = 0x100;

bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

std::array<char32_t, 256> make_alphabet() {
  std::array<char32_t, 256> alphabet;
  char32_t next = kFirstSubstitute;
  for (int byte = 0; byte < 256; ++byte) {
    alphabet[static_cast<size_t>(byte)] = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
  }
  return alphabet;
}

std::array<uint8_t, 256> sort_bytes() {
  std::array<uint8_t, 256> bytes;
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  std::sort(bytes.begin(), bytes.end(), [](auto a, auto b) { return byte_alphabet()[a] < byte_alphabet()[b]; });
  return bytes;
}

std::optional<uint8_t> byte_of(char32_t character) {
  const auto& bytes = bytes_by_character();
  const auto found = std::lower_bound(bytes.begin(), bytes.end(), character,
                                      [](uint8_t byte, char32_t wanted) { return byte_alphabet()[byte] < wanted; });
  if (found == bytes.end() || byte_alphabet()[*found] != character) return std::nullopt;
  return *found;
}

}  // namespace

const std::array<char32_t, 256>& byte_alphabet() {
  static const auto alphabet = make_alphabet();
  return alphabet;
}

const std::array<uint8_t, 256>& bytes_by_character() {
  static const auto bytes = sort_bytes();
  return bytes;
}

std::string to_byte_characters(std::string_view bytes) {
  std::string characters;
  for (const char byte : bytes) append_utf8(characters, byte_alphabet()[static_cast<uint8_t>(byte)]);
  return characters;
}

std::optional<std::string> from_byte_characters(std::string_view characters) {
  std::string bytes;
  for (size_t offset = 0; offset < characters.size();) {
    const Utf8Character character = decode_utf8(characters, offset);
    const auto byte = character.kind == Utf8Character::Kind::kValid ? byte_of(character.code_point) : std::nullopt;
    if (!byte) return std::nullopt;
    bytes += static_cast<char>(*byte);
    offset += character.length;
  }
  return bytes;
}

}  // namespace slm
