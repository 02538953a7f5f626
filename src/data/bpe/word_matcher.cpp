#include "data/bpe/word_matcher.h"

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <utility>

#include "data/unicode/properties.h"

namespace slm {
namespace {

enum class Kind : uint8_t { kOther, kLetter, kNumber, kSpace };

// By code point.
std::vector<Kind> make_kinds() {
  std::vector<Kind> kinds(0x110000, Kind::kOther);
  const auto mark = [&](const CodePointSet& set, Kind kind) {
    for (const auto [first, last] : set.ranges()) {
      std::fill(kinds.begin() + static_cast<std::ptrdiff_t>(first),
                kinds.begin() + static_cast<std::ptrdiff_t>(last) + 1, kind);
    }
  };
  mark(*unicode::property("L"), Kind::kLetter);
  mark(*unicode::property("N"), Kind::kNumber);
  mark(unicode::white_space(), Kind::kSpace);
  return kinds;
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> table = make_kinds();
  return table;
}

// Reads valid UTF-8 from left to right; positions are bytes.
class Text {
 public:
  explicit Text(std::string_view bytes) : bytes_(bytes), kinds_(kinds().data()) {}

  size_t size() const { return bytes_.size(); }
  // '\0' behind the end, which is a character too: only compared with others.
  char at(size_t place) const { return place < bytes_.size() ? bytes_[place] : '\0'; }
  bool is_newline(size_t place) const { return at(place) == '\n' || at(place) == '\r'; }

  // The kind of the character at `place` < size(), and where the next one begins.
  std::pair<Kind, size_t> read(size_t place) const {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes_[place + i]); };
    const auto tail = [&](size_t i) { return static_cast<uint32_t>(byte(i) & 0x3F); };
    const uint32_t lead = byte(0);
    if (lead < 0x80) return {kinds_[lead], place + 1};
    if (lead < 0xE0) return {kinds_[(lead & 0x1F) << 6 | tail(1)], place + 2};
    if (lead < 0xF0) return {kinds_[(lead & 0x0F) << 12 | tail(1) << 6 | tail(2)], place + 3};
    return {kinds_[(lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3)], place + 4};
  }
  Kind kind(size_t place) const { return read(place).first; }
  bool is(size_t place, Kind kind) const { return place < size() && read(place).first == kind; }

  // The end of the characters of this kind that begin at `place`; at most `most` of them.
  size_t skip(size_t place, Kind kind, size_t most = SIZE_MAX) const {
    for (; place < size() && most > 0; --most) {
      const auto [found, next] = read(place);
      if (found != kind) break;
      place = next;
    }
    return place;
  }

  // Where the character that ends at `place` > 0 begins.
  size_t before(size_t place) const {
    do --place;
    while ((static_cast<uint8_t>(bytes_[place]) & 0xC0) == 0x80);
    return place;
  }

 private:
  std::string_view bytes_;
  const Kind* kinds_;
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The end of 's, 't, 're, 've, 'm, 'll or 'd at the apostrophe at `place`; `place` where none of them stands there.
template <bool kAnyCase>
size_t skip_contraction(const Text& text, size_t place) {
  const auto letter = [&](size_t i) { return kAnyCase ? lower(text.at(place + i)) : text.at(place + i); };
  const char first = letter(1), second = letter(2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return place + 2;
  const bool is_pair =
      (first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l');
  if (is_pair) return place + 3;
  // U+017F, the long s, is an s in another case.
  if (kAnyCase && text.at(place + 1) == '\xC5' && text.at(place + 2) == '\xBF') return place + 3;
  return place;
}

// \s+(?!\S)|\s+ at a space: the spaces up to the last one, which goes to what follows; all of them at the end, or where
// there is only one.
size_t skip_spaces(const Text& text, size_t place) {
  const size_t end = text.skip(place, Kind::kSpace);
  if (end == text.size()) return end;
  const size_t last = text.before(end);
  return last > place ? last : end;
}

size_t gpt2_word_end(const Text& text, size_t place) {
  if (text.at(place) == '\'') {
    if (const size_t end = skip_contraction<false>(text, place); end > place) return end;
  }
  auto [kind, next] = text.read(place);
  if (text.at(place) == ' ' && next < text.size() && text.kind(next) != Kind::kSpace) {
    std::tie(kind, next) = text.read(next);
  }
  return kind == Kind::kSpace ? skip_spaces(text, place) : text.skip(next, kind);
}

// \s*[\r\n]+ at a space: up to its last line end; `place` where there is none.
size_t skip_to_last_newline(const Text& text, size_t place) {
  size_t end = place;
  for (size_t at = place; text.is(at, Kind::kSpace); at = text.read(at).second) {
    if (text.is_newline(at)) end = at + 1;
  }
  return end;
}

size_t skip_newlines(const Text& text, size_t place) {
  while (text.is_newline(place)) ++place;
  return place;
}

template <size_t kDigits>
size_t llama3_word_end(const Text& text, size_t place) {
  if (text.at(place) == '\'') {
    if (const size_t end = skip_contraction<true>(text, place); end > place) return end;
  }
  const auto [kind, next] = text.read(place);
  if (kind == Kind::kLetter) return text.skip(next, Kind::kLetter);
  if (kind == Kind::kNumber) return text.skip(place, Kind::kNumber, kDigits);
  if (!text.is_newline(place) && text.is(next, Kind::kLetter)) return text.skip(next, Kind::kLetter);
  if (kind == Kind::kOther) return skip_newlines(text, text.skip(next, Kind::kOther));
  if (text.at(place) == ' ' && text.is(next, Kind::kOther)) return skip_newlines(text, text.skip(next, Kind::kOther));
  if (const size_t end = skip_to_last_newline(text, place); end > place) return end;
  return skip_spaces(text, place);
}

template <size_t (*kWordEnd)(const Text&, size_t)>
void match_words(std::string_view bytes, std::vector<std::string_view>& pieces) {
  const Text text(bytes);
  for (size_t place = 0; place < bytes.size();) {
    const size_t end = kWordEnd(text, place);
    pieces.push_back(bytes.substr(place, end - place));
    place = end;
  }
}

}  // namespace

std::optional<WordMatcher> word_matcher(std::string_view pattern) {
  if (pattern == kGpt2Pattern) return match_words<gpt2_word_end>;
  if (pattern == kLlama3Pattern) return match_words<llama3_word_end<3>>;
  if (pattern == kQwen2Pattern) return match_words<llama3_word_end<1>>;
  return std::nullopt;
}

}  // namespace slm
