#include "config/scalar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace slm {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The parts of a number by JSON's grammar; `valid` is false where the text is none.
struct NumberParts {
  bool valid = false;
  bool negative = false;
  std::string_view whole, fraction, exponent;  // digits; the exponent with its sign
};

std::string_view take_digits(std::string_view& rest) {
  const size_t count = std::find_if_not(rest.begin(), rest.end(), is_digit) - rest.begin();
  const auto digits = rest.substr(0, count);
  rest.remove_prefix(count);
  return digits;
}

bool take(std::string_view& rest, std::string_view any_of) {
  if (rest.empty() || any_of.find(rest.front()) == std::string_view::npos) return false;
  rest.remove_prefix(1);
  return true;
}

NumberParts split_number(std::string_view rest) {
  NumberParts parts;
  parts.negative = take(rest, "-");
  parts.whole = take_digits(rest);
  if (parts.whole.empty() || (parts.whole.size() > 1 && parts.whole.front() == '0')) return parts;
  if (take(rest, ".")) {
    parts.fraction = take_digits(rest);
    if (parts.fraction.empty()) return parts;
  }
  if (take(rest, "eE")) {
    const bool plus = take(rest, "+");
    const auto begin = rest.begin();
    if (!plus) take(rest, "-");
    if (take_digits(rest).empty()) return parts;
    parts.exponent = std::string_view(begin, rest.begin());
  }
  parts.valid = rest.empty();
  return parts;
}

bool is_plain_text_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("_./-*").find(c) != std::string_view::npos;
}

void append_quoted(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (c < 0x20 || c == 0x7f) {
    out += fmt::format("\\x{:02x}", c);
  } else {
    out += static_cast<char>(c);
  }
}

}  // namespace

bool is_number(std::string_view text) { return split_number(text).valid; }

std::optional<int64_t> parse_whole_number(std::string_view text) {
  const auto parts = split_number(text);
  if (!parts.valid) return std::nullopt;
  std::string digits = std::string(parts.whole) + std::string(parts.fraction);
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.empty()) return 0;

  int64_t exponent = 0;
  const auto end = parts.exponent.data() + parts.exponent.size();
  if (!parts.exponent.empty() && std::from_chars(parts.exponent.data(), end, exponent).ec != std::errc{})
    return std::nullopt;
  constexpr int64_t kFarBeyond = 1'000'000'000;
  if (std::abs(exponent) > kFarBeyond) return std::nullopt;
  exponent -= static_cast<int64_t>(parts.fraction.size());
  const size_t significant = digits.find_last_not_of('0') + 1;
  exponent += static_cast<int64_t>(digits.size() - significant);
  digits.resize(significant);
  constexpr int64_t kInt64Digits = 19;
  if (exponent < 0 || static_cast<int64_t>(digits.size()) + exponent > kInt64Digits) return std::nullopt;

  digits.append(static_cast<size_t>(exponent), '0');
  if (parts.negative) digits.insert(digits.begin(), '-');
  int64_t value = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc{}) return std::nullopt;
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  if (!is_number(text)) return std::nullopt;
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc{} || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string format_number(double value) { return fmt::format("{}", value); }

bool needs_quotes(std::string_view plain) {
  constexpr std::array<std::string_view, 11> kWords = {"",     "~",    "null",  "Null",  "NULL", "true",
                                                       "True", "TRUE", "false", "False", "FALSE"};
  return is_number(plain) || std::find(kWords.begin(), kWords.end(), plain) != kWords.end();
}

std::string format_text(std::string_view text) {
  const bool begins_plain =
      !text.empty() && (std::isalnum(static_cast<unsigned char>(text[0])) || text[0] == '/' || text[0] == '.');
  // A colon is plain where text follows it at once, as in builtin:stories.
  const bool plain =
      begins_plain && text.back() != ':' && text.find(':') == text.rfind(':') &&
      std::all_of(text.begin(), text.end(), [](char c) { return c == ':' || is_plain_text_character(c); });
  if (plain && !needs_quotes(text) && !text.starts_with("...")) return std::string(text);
  return quote_text(text);
}

std::string quote_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) append_quoted(out, static_cast<unsigned char>(c));
  return out + '"';
}

}  // namespace slm
