#include "report/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/numbers.h"

namespace slm {
namespace {

constexpr std::array kRoundNumbers = {1.0, 2.0, 5.0, 10.0};

// The smallest of 1, 2, 5 times a power of ten that is at least `value`, but for rounding.
double round_up(double value) {
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  for (const double number : kRoundNumbers) {
    if (number * power >= value * (1 - 1e-9)) return number * power;
  }
  return 10 * power;
}

double round_down(double value) {
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  double largest = power;
  for (const double number : kRoundNumbers) {
    if (number * power <= value * (1 + 1e-9)) largest = number * power;
  }
  return largest;
}

// Labels of one axis have the same decimals and the same unit: "0.5k", "1.0k".
std::string label(double value, double step, double largest) {
  constexpr double kThousand = 1e3, kMillion = 1e6, kBillion = 1e9, kTrillion = 1e12;
  constexpr int kMostDecimals = 5;
  if (value == 0) return "0";
  double unit = 1;
  const char* letter = "";
  if (largest >= kBillion)
    unit = kBillion, letter = "G";
  else if (largest >= kMillion)
    unit = kMillion, letter = "M";
  else if (largest >= 10 * kThousand)
    unit = kThousand, letter = "k";
  const int decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step / unit) + 1e-9)));
  if (largest >= kTrillion || decimals > kMostDecimals) return short_number(value, 3);
  if (unit == 1 && decimals == 0) return with_commas(std::llround(value));
  return fmt::format("{:.{}f}{}", value / unit, decimals, letter);
}

// Room around values that hardly differ, so that the axis has a length.
void widen(double& low, double& high) {
  constexpr double kLeast = 1e-6, kShare = 0.1;
  const double size = std::max(std::abs(low), std::abs(high));
  if (high - low > kLeast * size) return;
  const double room = size > 0 ? kShare * size : 1;
  low -= room;
  high += room;
}

}  // namespace

double Axis::place(double value) const {
  if (!logarithmic) return (value - low) / (high - low);
  return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
}

Axis linear_axis(double low, double high, int most_ticks, AxisEnds ends) {
  widen(low, high);
  const double step = round_up((high - low) / most_ticks);
  double first = std::ceil(low / step - 1e-9), last = std::floor(high / step + 1e-9);
  if (ends == AxisEnds::kRound) {
    first = std::floor(low / step + 1e-9);
    last = std::ceil(high / step - 1e-9);
    low = first * step;
    high = last * step;
  }
  Axis axis{.low = low, .high = high, .ticks = {}};
  const double largest = std::max(std::abs(first), std::abs(last)) * step;
  for (double i = first; i <= last; ++i) axis.ticks.push_back({i * step, label(i * step, step, largest)});
  return axis;
}

Axis logarithmic_axis(double low, double high) {
  constexpr double kFewDecades = 3, kManyDecades = 8;
  Axis axis{.low = round_down(low), .high = round_up(high), .logarithmic = true, .ticks = {}};
  if (axis.low == axis.high) axis.high = round_up(1.5 * axis.high);
  const double first = std::floor(std::log10(axis.low) + 1e-9), last = std::ceil(std::log10(axis.high) - 1e-9);
  const double stride = std::ceil((last - first) / kManyDecades);
  for (double decade = first; decade <= last; decade += stride) {
    for (const double number : {1.0, 2.0, 5.0}) {
      const double value = number * std::pow(10.0, decade);
      const bool inside = value >= axis.low * (1 - 1e-9) && value <= axis.high * (1 + 1e-9);
      if (inside && (number == 1 || last - first <= kFewDecades)) axis.ticks.push_back({value, short_number(value)});
    }
  }
  return axis;
}

}  // namespace slm
