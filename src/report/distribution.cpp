#include "report/distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace slm {
namespace {

// Calls body(value) for every finite value, in float64.
template <class Body>
void for_each_finite(std::span<const float> values, const Body& body) {
  for (const float value : values) {
    if (std::isfinite(value)) body(static_cast<double>(value));
  }
}

}  // namespace

double Histogram::edge(size_t i) const {
  const double share = static_cast<double>(i) / static_cast<double>(counts.size());
  return logarithmic ? low * std::pow(high / low, share) : low + (high - low) * share;
}

Histogram histogram_of(std::span<const float> values, int bins, bool logarithmic) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for_each_finite(values, [&](double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  });
  Histogram histogram{.low = 0, .high = 1, .logarithmic = logarithmic && low > 0, .counts = {}};
  histogram.counts.resize(static_cast<size_t>(bins));
  if (low > high) return histogram;  // nothing finite
  if (low == high) {                 // room on both sides
    constexpr double kRoom = 0.05;
    const double room = low == 0 ? 1 : kRoom * std::abs(low);
    low -= room;
    high += room;
  }
  histogram.low = low;
  histogram.high = high;
  const double width = histogram.logarithmic ? std::log(high / low) : high - low;
  for_each_finite(values, [&](double value) {
    const double place = (histogram.logarithmic ? std::log(value / low) : value - low) / width;
    ++histogram.counts[static_cast<size_t>(std::clamp(place * bins, 0.0, bins - 1.0))];
  });
  return histogram;
}

ValueStatistics statistics_of(std::span<const float> values) {
  ValueStatistics result;
  double sum = 0;
  for_each_finite(values, [&](double value) {
    result.smallest = result.count == 0 ? value : std::min(result.smallest, value);
    result.largest = result.count == 0 ? value : std::max(result.largest, value);
    sum += value;
    ++result.count;
  });
  result.not_finite = static_cast<int64_t>(values.size()) - result.count;
  if (result.count == 0) return result;
  const auto count = static_cast<double>(result.count);
  result.mean = sum / count;
  double second = 0, fourth = 0;
  for_each_finite(values, [&](double value) {
    const double square = (value - result.mean) * (value - result.mean);
    second += square;
    fourth += square * square;
  });
  result.deviation = std::sqrt(second / count);
  if (second > 0) result.kurtosis = fourth * count / (second * second);
  return result;
}

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace slm
