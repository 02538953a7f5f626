#include "data/bpe/added_tokens.h"

#include <algorithm>
#include <array>

#include "data/utf8.h"

namespace slm {
namespace {

// The characters of Unicode's property White_Space.
bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

// Bytes of the white space that `text` begins with.
size_t white_space_at_begin(std::string_view text) {
  size_t offset = 0;
  while (offset < text.size()) {
    const auto character = decode_utf8(text, offset);
    if (character.kind != Utf8Character::Kind::kValid || !is_white_space(character.code_point)) break;
    offset += character.length;
  }
  return offset;
}

// Where the white space that `text` ends with begins.
size_t white_space_at_end(std::string_view text) {
  constexpr size_t kLongest = 3;  // bytes of a white space character
  size_t end = text.size();
  const auto length_before = [&](size_t at) -> size_t {
    for (size_t length = 1; length <= std::min(at, kLongest); ++length) {
      const auto character = decode_utf8(text.substr(0, at), at - length);
      if (character.kind == Utf8Character::Kind::kValid && character.length == length) {
        return is_white_space(character.code_point) ? length : 0;
      }
    }
    return 0;
  };
  while (const size_t length = length_before(end)) end -= length;
  return end;
}

}  // namespace

void TokenMatcher::add(std::string content, int32_t index) { entries_.push_back({std::move(content), index}); }

void TokenMatcher::prepare() {
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const auto& a, const auto& b) { return a.content < b.content; });
  begins_.assign(256, false);
  for (const Entry& entry : entries_) begins_[static_cast<uint8_t>(entry.content[0])] = true;
  if (std::count(begins_.begin(), begins_.end(), true) == 1) {
    only_first_byte_ = static_cast<uint8_t>(entries_[0].content[0]);
  }
}

size_t TokenMatcher::next_first_byte(std::string_view text, size_t from) const {
  if (entries_.empty()) return text.npos;
  if (only_first_byte_ >= 0) return text.find(static_cast<char>(only_first_byte_), from);
  while (from < text.size() && !begins_[static_cast<uint8_t>(text[from])]) ++from;
  return from < text.size() ? from : text.npos;
}

// Narrows the range of entries that agree with the text byte by byte; the last one that ends on the way is the longest.
const TokenMatcher::Entry* TokenMatcher::longest_at(std::string_view text) const {
  const Entry* longest = nullptr;
  auto first = entries_.begin(), last = entries_.end();
  for (size_t depth = 0; depth < text.size(); ++depth) {
    const auto byte = static_cast<uint8_t>(text[depth]);
    const auto byte_of = [&](const Entry& entry) { return static_cast<uint8_t>(entry.content[depth]); };
    first = std::lower_bound(first, last, byte, [&](const Entry& e, uint8_t wanted) { return byte_of(e) < wanted; });
    last = std::upper_bound(first, last, byte, [&](uint8_t wanted, const Entry& e) { return wanted < byte_of(e); });
    if (first == last) break;
    if (first->content.size() == depth + 1) longest = &*first++;  // the shortest of a range comes first
    if (first == last) break;
  }
  return longest;
}

TokenMatcher::Match TokenMatcher::find(std::string_view text, size_t from) const {
  for (size_t at = next_first_byte(text, from); at != text.npos; at = next_first_byte(text, at + 1)) {
    if (const Entry* entry = longest_at(text.substr(at))) return {at, at + entry->content.size(), entry->index};
  }
  return {text.npos, text.npos, 0};
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, Normalizer normalizer)
    : tokens_(std::move(tokens)), normalizer_(normalizer) {
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const auto index = static_cast<int32_t>(i);
    if (tokens_[i].normalized) {
      normalized_.add(normalizer_.normalize(tokens_[i].content), index);
    } else {
      raw_.add(tokens_[i].content, index);
    }
  }
  raw_.prepare();
  normalized_.prepare();
}

// In the steps of Hugging Face's `find_matches`, so that tokens that touch each other's white space give equal ids.
void AddedTokens::split_with(const TokenMatcher& matcher, std::string_view text, bool recognize_special,
                             std::vector<TextSection>& sections) const {
  size_t done = 0, from = 0;
  while (true) {
    const auto match = matcher.find(text, from);
    if (match.begin == text.npos) break;
    from = match.end;
    const AddedToken& token = tokens_[static_cast<size_t>(match.index)];
    if (token.special && !recognize_special) continue;
    size_t begin = match.begin, end = match.end;
    if (token.lstrip) begin = white_space_at_end(text.substr(0, begin));
    if (token.rstrip) end += white_space_at_begin(text.substr(end));
    if (done < begin) sections.push_back({text.substr(done, begin - done)});
    sections.push_back({{}, token.id});
    done = end;
  }
  if (done < text.size()) sections.push_back({text.substr(done)});
}

void AddedTokens::split(std::string_view text, bool recognize_special, std::vector<TextSection>& sections,
                        std::deque<std::string>& storage) const {
  std::vector<TextSection> raw;
  split_with(raw_, text, recognize_special, raw);
  for (const TextSection& section : raw) {
    if (section.token != TextSection::kText) {
      sections.push_back(section);
      continue;
    }
    const std::string_view normalized =
        normalizer_.changes_nothing() ? section.text : storage.emplace_back(normalizer_.normalize(section.text));
    split_with(normalized_, normalized, recognize_special, sections);
  }
}

}  // namespace slm
