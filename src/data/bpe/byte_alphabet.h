// The printable character that stands for each byte in the files of a byte-level BPE (GPT-2's map): the printable ones
// of Latin-1 stand for themselves, the others follow from U+0100 on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace slm {

/// By byte.
const std::array<char32_t, 256>& byte_alphabet();

/// The 256 bytes in the order of their characters, which is the order of their ids in a trained vocabulary.
const std::array<uint8_t, 256>& bytes_by_character();

/// Each byte's character, as UTF-8.
std::string to_byte_characters(std::string_view bytes);

/// The bytes that the characters stand for; nothing where a character stands for none or `characters` is not UTF-8.
std::optional<std::string> from_byte_characters(std::string_view characters);

}  // namespace slm
