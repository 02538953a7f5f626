#include "data/text_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/file.h"

namespace slm {

TextPlace place_of(std::string_view text, size_t offset, const TextPlace& begin) {
  const std::string_view before = text.substr(0, offset);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  const auto is_first_byte = [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; };
  const auto columns =
      std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_start), before.end(), is_first_byte);
  return {begin.line + lines, (lines == 0 ? begin.column : 1) + columns, begin.byte + static_cast<int64_t>(offset)};
}

TextPlace place_in_file(const std::filesystem::path& path, int64_t byte) {
  constexpr int64_t kBlock = int64_t{1} << 20;
  const FileReader reader(path);
  std::string block;
  TextPlace place;
  while (place.byte < byte) {
    block.resize(static_cast<size_t>(std::min(kBlock, byte - place.byte)));
    const size_t got = reader.read_at(static_cast<uint64_t>(place.byte),
                                      std::as_writable_bytes(std::span(block.data(), block.size())));
    if (got == 0) break;
    place = place_of(std::string_view(block).substr(0, got), got, place);
  }
  return place;
}

TextError::TextError(std::string origin, const TextPlace& place, std::string before, std::string after)
    : Error(ExitCode::kData,
            fmt::format("{}:{}:{}: {}{}{}", origin, place.line, place.column, before, place.byte, after)),
      origin_(std::move(origin)),
      place_(place),
      before_(std::move(before)),
      after_(std::move(after)) {}

TextError TextError::after(const TextPlace& begin) const {
  const TextPlace moved{begin.line + place_.line - 1,
                        place_.line == 1 ? begin.column + place_.column - 1 : place_.column, begin.byte + place_.byte};
  return {origin_, moved, before_, after_};
}

}  // namespace slm
