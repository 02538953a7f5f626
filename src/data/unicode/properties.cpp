#include "data/unicode/properties.h"

#include <algorithm>
#include <array>
#include <string>

#include "data/unicode/tables.h"

namespace slm::unicode {
namespace {

// In the order of the tables.
constexpr std::array<std::string_view, 29> kCategoryNames = {"lu", "ll", "lt", "lm", "lo", "mn", "mc", "me", "nd", "nl",
                                                             "no", "pc", "pd", "ps", "pe", "pi", "pf", "po", "sm", "sc",
                                                             "sk", "so", "zs", "zl", "zp", "cc", "cf", "co", "cn"};

constexpr char32_t kSurrogates = 0xD800;

std::string simplify(std::string_view name) {
  std::string simple;
  for (const char c : name) {
    if (c == ' ' || c == '-' || c == '_') continue;
    simple += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return simple;
}

// Every code point whose category's name begins with `prefix`: of one category, or of a group.
CodePointSet categories_beginning_with(std::string_view prefix) {
  std::vector<CodePointRange> ranges;
  for (size_t i = 0; i < kCategoryStarts.size(); ++i) {
    if (!kCategoryNames[kCategoryStarts[i] & 31].starts_with(prefix)) continue;
    const char32_t first = kCategoryStarts[i] >> 5;
    const char32_t end = i + 1 < kCategoryStarts.size() ? kCategoryStarts[i + 1] >> 5 : 0x110000;
    ranges.push_back({first, (first < kSurrogates && end > kSurrogates ? kSurrogates : end) - 1});
  }
  return CodePointSet(ranges);
}

}  // namespace

std::optional<CodePointSet> property(std::string_view name) {
  const std::string simple = simplify(name);
  if (simple == "han") return CodePointSet(kHan);
  if (simple == "hiragana") return CodePointSet(kHiragana);
  if (simple == "katakana") return CodePointSet(kKatakana);
  if (simple == "hangul") return CodePointSet(kHangul);
  constexpr std::string_view kGroups = "lmnpszc";
  const bool is_group = simple.size() == 1 && kGroups.find(simple[0]) != kGroups.npos;
  const bool is_category = std::find(kCategoryNames.begin(), kCategoryNames.end(), simple) != kCategoryNames.end();
  if (!is_group && !is_category) return std::nullopt;
  return categories_beginning_with(simple);
}

CodePointSet white_space() { return CodePointSet(kWhiteSpace); }
CodePointSet word() { return CodePointSet(kWord); }
CodePointSet numeric() { return CodePointSet(kNumeric); }

}  // namespace slm::unicode
