#include "cli/token_view.h"

#include <fmt/format.h>

#include <array>

#include "data/utf8.h"

namespace slm::cli {
namespace {

constexpr std::string_view kReset = "\033[0m";

// Light backgrounds of the 256 colours, black letters: readable on terminals of either kind.
std::string color_of(size_t index) {
  constexpr std::array kBackgrounds = {151, 223, 153, 225};
  return fmt::format("\033[30;48;5;{}m", kBackgrounds[index % kBackgrounds.size()]);
}

bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7F && c <= 0x9F); }

std::string show_bytes(std::string_view bytes) {
  std::string shown;
  for (const char byte : bytes) shown += fmt::format("\\x{:02X}", static_cast<uint8_t>(byte));
  return shown;
}

// `line_end` takes the place of a line feed.
std::string show_piece(std::string_view piece, const std::string& line_end) {
  std::string shown;
  for (size_t at = 0; at < piece.size();) {
    const auto character = decode_utf8(piece, at);
    const auto bytes = piece.substr(at, character.length);
    if (bytes == "\n") {
      shown += line_end;
    } else if (character.kind != Utf8Character::Kind::kValid || is_control(character.code_point)) {
      shown += show_bytes(bytes);
    } else {
      shown += bytes;
    }
    at += character.length;
  }
  return shown;
}

}  // namespace

std::string token_view(const Tokenizer& tokenizer, std::span<const int32_t> ids, bool colored) {
  std::string pieces, numbers;
  size_t bytes = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto piece = tokenizer.token_bytes(ids[i]);
    bytes += piece.size();
    if (colored) {
      const auto color = color_of(i);
      pieces += fmt::format("{}{}{}", color, show_piece(piece, fmt::format("\\n{}\n{}", kReset, color)), kReset);
      numbers += fmt::format("{}{}{} ", color, ids[i], kReset);
    } else {
      pieces += fmt::format("{}{}", i == 0 ? "" : "|", show_piece(piece, "\\n\n"));
      numbers += fmt::format("{} ", ids[i]);
    }
  }
  return fmt::format("{}\n{}\n{} tokens, {} bytes\n", pieces, numbers, ids.size(), bytes);
}

}  // namespace slm::cli
