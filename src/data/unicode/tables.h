// Classes of code points, pinned: Unicode 16.0 as Hugging Face `tokenizers` 0.23 knows it (Oniguruma 6.9.10), because
// ids must not depend on the Unicode version of an installed library. scripts/make_unicode_tables.py makes and checks
// them.
#pragma once

#include <cstdint>
#include <span>

#include "data/unicode/code_point_set.h"

namespace slm::unicode {

/// Where the category changes, in order: code point << 5 | category, counted as properties.cpp does. Surrogates,
/// which no text holds, have none.
extern const std::span<const uint32_t> kCategoryStarts;

/// Oniguruma's \s and \w, and the scripts.
extern const std::span<const CodePointRange> kWhiteSpace, kWord, kHan, kHiragana, kKatakana, kHangul;

/// Rust's char::is_numeric, which `Digits` asks; of another Unicode version than the rest.
extern const std::span<const CodePointRange> kNumeric;

/// Characters that Unicode's NFC moves, splits or joins, but not Hugging Face's, whose tables there are older.
extern const std::span<const CodePointRange> kNotInNfc;

}  // namespace slm::unicode
