#include "data/bpe/split_stage.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "data/unicode/properties.h"
#include "data/utf8.h"

namespace slm {
namespace {

struct Part {
  size_t begin, end;
  bool is_match;
};

size_t next_character(std::string_view text, size_t at) {
  return at < text.size() ? at + decode_utf8(text, at).length : at + 1;
}

// Matches and what lies between them. An empty match counts, but not right behind another match.
std::vector<Part> find_parts(const Pattern& pattern, std::string_view text) {
  std::vector<Part> parts;
  size_t covered = 0;
  std::optional<size_t> last_end;
  for (size_t from = 0; from <= text.size();) {
    const auto match = pattern.find(text, from);
    if (!match) break;
    if (match->begin == match->end && last_end == match->end) {
      from = next_character(text, from);
      continue;
    }
    if (match->begin > covered) parts.push_back({covered, match->begin, false});
    parts.push_back({match->begin, match->end, true});
    covered = from = match->end;
    last_end = match->end;
  }
  if (covered < text.size()) parts.push_back({covered, text.size(), false});
  return parts;
}

std::vector<Part> merge_contiguous(const std::vector<Part>& parts) {
  std::vector<Part> merged;
  for (const Part& part : parts) {
    if (!merged.empty() && merged.back().is_match == part.is_match) {
      merged.back().end = part.end;
    } else {
      merged.push_back(part);
    }
  }
  return merged;
}

// A match joins what stands before it, unless that is a match too.
std::vector<Part> merge_with_previous(const std::vector<Part>& parts) {
  std::vector<Part> merged;
  bool after_match = false;
  for (const Part& part : parts) {
    if (part.is_match && !after_match && !merged.empty()) {
      merged.back().end = part.end;
    } else {
      merged.push_back(part);
    }
    after_match = part.is_match;
  }
  return merged;
}

// A match joins what stands behind it, unless that is a match too.
std::vector<Part> merge_with_next(const std::vector<Part>& parts) {
  std::vector<Part> merged;  // from right to left
  bool before_match = false;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->is_match && !before_match && !merged.empty()) {
      merged.back().begin = part->begin;
    } else {
      merged.push_back(*part);
    }
    before_match = part->is_match;
  }
  std::reverse(merged.begin(), merged.end());
  return merged;
}

std::vector<Part> apply(SplitBehavior behavior, std::vector<Part> parts) {
  switch (behavior) {
    case SplitBehavior::kIsolated:
      break;
    case SplitBehavior::kRemoved:
      std::erase_if(parts, [](const Part& part) { return part.is_match; });
      break;
    case SplitBehavior::kMergedWithPrevious:
      return merge_with_previous(parts);
    case SplitBehavior::kMergedWithNext:
      return merge_with_next(parts);
    case SplitBehavior::kContiguous:
      return merge_contiguous(parts);
  }
  return parts;
}

}  // namespace

void PatternStage::split(std::string_view text, std::vector<std::string_view>& pieces) const {
  std::vector<Part> parts = find_parts(pattern_, text);
  for (Part& part : parts) part.is_match ^= invert_;
  for (const Part& part : apply(behavior_, std::move(parts))) {
    if (part.end > part.begin) pieces.push_back(text.substr(part.begin, part.end - part.begin));
  }
}

DigitsStage::DigitsStage(bool individual) : individual_(individual), digits_(unicode::numeric()) {}

bool DigitsStage::is_digit(char32_t code_point) const {
  if (code_point < 0x80) return code_point >= U'0' && code_point <= U'9';
  const auto& ranges = digits_.ranges();
  const auto behind = std::upper_bound(ranges.begin(), ranges.end(), code_point,
                                       [](char32_t wanted, CodePointRange range) { return wanted < range.first; });
  return behind != ranges.begin() && code_point <= std::prev(behind)->last;
}

void DigitsStage::split(std::string_view text, std::vector<std::string_view>& pieces) const {
  size_t begin = 0;
  bool was_digit = false;
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = decode_utf8(text, at);
    const bool digit = is_digit(character.code_point);
    if (at > begin && (digit != was_digit || (digit && individual_))) {
      pieces.push_back(text.substr(begin, at - begin));
      begin = at;
    }
    was_digit = digit;
    at += character.length;
  }
  pieces.push_back(text.substr(begin));
}

}  // namespace slm
