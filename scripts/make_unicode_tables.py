#!/usr/bin/env python3
"""Writes src/data/unicode/tables.cpp: the classes of code points as Hugging Face `tokenizers` sees them.

    pip install tokenizers==0.23.3 unicodedata2==18.0.0
    scripts/make_unicode_tables.py            writes the tables
    scripts/make_unicode_tables.py --check    fails where the tables are not what `tokenizers` does

Every code point is asked for: a text of all of them is split by the class's pattern, and the places where it is cut are
the ends of the class's ranges.
"""
import argparse
import pathlib
import sys

import tokenizers
import unicodedata2
from tokenizers import Regex, normalizers, pre_tokenizers

TABLES = pathlib.Path(__file__).resolve().parent.parent / "src/data/unicode/tables.cpp"
# No text holds a surrogate.
CODE_POINTS = [*range(0xD800), *range(0xE000, 0x110000)]
TEXT = "".join(map(chr, CODE_POINTS))
# In the order of properties.cpp.
CATEGORIES = ("Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn").split()
PATTERNS = {"kWhiteSpace": r"\s", "kWord": r"\w", "kHan": r"\p{Han}", "kHiragana": r"\p{Hiragana}",
            "kKatakana": r"\p{Katakana}", "kHangul": r"\p{Hangul}"}


def members(pattern):
    """Indices into TEXT of the characters that match `pattern`."""
    kept = pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True).pre_tokenize_str(TEXT)
    return [first for _, (first, _) in kept]


def numeric_members():
    """Indices of what `Digits` takes for a digit: Rust's char::is_numeric, of Rust's Unicode."""
    pieces = pre_tokenizers.Digits(individual_digits=False).pre_tokenize_str(TEXT)
    single = pre_tokenizers.Digits(individual_digits=True)
    found = []
    for _, (first, last) in pieces:
        # A run of digits falls apart, anything else stays whole; one character is tried beside a letter.
        if len(single.pre_tokenize_str("a" + TEXT[first] + "a")) == 3:
            found.extend(range(first, last))
    return found


def not_in_nfc():
    """Indices of the characters that take part in Unicode's NFC and in none of the normalizer's."""
    nfc, nfd = normalizers.NFC().normalize_str, normalizers.NFD().normalize_str
    pairs = {}  # character: the compositions that it takes part in
    for character in TEXT:
        parts = unicodedata2.normalize("NFD", character)
        if len(parts) > 1 and unicodedata2.normalize("NFC", character) == character:
            first, second = unicodedata2.normalize("NFC", parts[:-1]), parts[-1]
            for part in (first, second):
                pairs.setdefault(part, []).append(first + second)

    def is_left_alone(character):
        between = "a\u0345" + character + "\u05b0"  # marks of the highest and of a low class
        return (nfc(between) == between and nfd(character) == character
                and all(nfc(pair) == pair for pair in pairs.get(character, [])))

    takes_part = lambda c: unicodedata2.combining(c) or c in pairs or unicodedata2.normalize("NFD", c) != c
    return [i for i, c in enumerate(TEXT) if takes_part(c) and is_left_alone(c)]


def ranges(indices):
    """[first, last] code points of consecutive ones; the gap of the surrogates divides."""
    found = []
    for code_point in (CODE_POINTS[i] for i in indices):
        if found and found[-1][1] == code_point - 1:
            found[-1][1] = code_point
        else:
            found.append([code_point, code_point])
    return found


def category_starts():
    """(first code point, index of its category) wherever the category changes."""
    category = [None] * len(TEXT)
    for index, name in enumerate(CATEGORIES):
        for i in members(rf"\p{{{name}}}"):
            assert category[i] is None, f"U+{CODE_POINTS[i]:04X} is of two categories"
            category[i] = index
    assert None not in category
    at = [i for i in range(len(TEXT)) if i == 0 or category[i] != category[i - 1]]
    return [(CODE_POINTS[i], category[i]) for i in at]


def lines_of(items, width=118):
    """The items, joined by commas, as lines that are no longer than `width`."""
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) + 2 > width:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "\n".join([*lines, line])


def table(name, pairs):
    body = lines_of(f"{{0x{first:X}, 0x{last:X}}}" for first, last in pairs)
    return f"const CodePointRange {name}Ranges[] = {{\n{body}\n}};\nconst std::span<const CodePointRange> {name} = {name}Ranges;\n"


def content():
    starts = lines_of(f"0x{first << 5 | index:X}" for first, index in category_starts())
    tables = [table(name, ranges(members(pattern))) for name, pattern in PATTERNS.items()]
    tables.append(table("kNumeric", ranges(numeric_members())))
    tables.append(table("kNotInNfc", ranges(not_in_nfc())))
    return f"""// Made by scripts/make_unicode_tables.py from the behaviour of tokenizers {tokenizers.__version__}; not written by hand.
// clang-format off
#include "data/unicode/tables.h"

namespace slm::unicode {{
namespace {{

const uint32_t kStarts[] = {{
{starts}
}};

}}  // namespace

const std::span<const uint32_t> kCategoryStarts = kStarts;

{chr(10).join(tables)}
}}  // namespace slm::unicode
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the file differs")
    arguments = parser.parse_args()
    made = content()
    if not arguments.check:
        TABLES.write_text(made)
        return
    # The first line names the version of `tokenizers`, which may be another one.
    if TABLES.read_text().split("\n", 1)[1] != made.split("\n", 1)[1]:
        sys.exit(f"make_unicode_tables: {TABLES} is not what tokenizers {tokenizers.__version__} does")
    print(f"make_unicode_tables: {len(CODE_POINTS)} code points as in tokenizers {tokenizers.__version__}")


if __name__ == "__main__":
    main()
