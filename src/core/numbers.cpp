#include "core/numbers.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdlib>

namespace slm {
namespace {

// "6e-07" is written "6e-7".
std::string without_leading_zero(std::string text) {
  const size_t e = text.find('e');
  if (e != std::string::npos && e + 2 < text.size() && text[e + 2] == '0') text.erase(e + 2, 1);
  return text;
}

}  // namespace

std::string with_commas(int64_t value) {
  std::string digits = std::to_string(value);
  const int64_t sign = value < 0 ? 1 : 0;
  for (auto place = static_cast<int64_t>(digits.size()) - 3; place > sign; place -= 3) {
    digits.insert(static_cast<size_t>(place), 1, ',');
  }
  return digits;
}

std::string short_number(double value, int digits) {
  struct Magnitude {
    double size;
    const char* letter;
  };
  constexpr std::array kMagnitudes = {Magnitude{1e9, "G"}, Magnitude{1e6, "M"}, Magnitude{1e3, "k"}};
  constexpr double kShortest = 1e4, kLongest = 1e12;  // between them a letter is easier to read than digits
  if (!std::isfinite(value)) return "not finite";
  value = std::strtod(fmt::format("{:.{}e}", value, digits - 1).c_str(), nullptr);  // 999.97k is 1M
  const double size = std::abs(value);
  if (size >= kShortest && size < kLongest) {
    for (const auto& [unit, letter] : kMagnitudes) {
      if (size >= unit) return fmt::format("{:.{}g}{}", value / unit, digits, letter);
    }
  }
  if (size >= 1 && size < kShortest) return fmt::format("{}", value);
  return without_leading_zero(fmt::format("{:.{}g}", value, digits));
}

std::string found_number(float value) { return std::isnan(value) ? "a NaN" : fmt::format("{}", value); }

std::string byte_size(int64_t bytes) {
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
  constexpr double kStep = 1024, kLargest = 999.5;  // from there on the next unit is written
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / kStep;
  size_t unit = 0;
  for (; value >= kLargest && unit + 1 < kUnits.size(); ++unit) value /= kStep;
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, kUnits[unit]);
}

}  // namespace slm
