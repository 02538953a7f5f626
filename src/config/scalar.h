// Single values as a config writes them. Numbers follow JSON's grammar: no `010`, `0x10`, `+1`, `1_000`, `.5`, `.nan`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace slm {

/// Whether `text` is a number by JSON's grammar.
bool is_number(std::string_view text);

/// The exact value of a number that is whole (`1500`, `1e9`, `2.5e3`) and fits int64; nothing otherwise.
std::optional<int64_t> parse_whole_number(std::string_view text);

/// The nearest double; nothing where `text` is no number or too large for a double.
std::optional<double> parse_number(std::string_view text);

/// The shortest text that parse_number reads back to the same bits; `value` is finite.
std::string format_number(double value);

/// `text` as a YAML scalar that is read back as the same text: plain where that is safe, otherwise in double quotes.
std::string format_text(std::string_view text);

/// `text` in YAML's double quotes.
std::string quote_text(std::string_view text);

/// Whether a plain YAML scalar means something else than text: a number, true, false or null.
bool needs_quotes(std::string_view plain);

}  // namespace slm
