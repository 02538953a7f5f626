// Numbers that say how many others are spread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace slm {

/// How many values lie in each of equally wide bins between `low` and `high`.
struct Histogram {
  double low = 0, high = 1;
  bool logarithmic = false;  // the bins are equally wide on a logarithmic scale
  std::vector<int64_t> counts;

  /// Where bin `i` begins, and where the one before it ends.
  double edge(size_t i) const;
};

/// The values' smallest to their largest in `bins` bins, those that are not finite left out; logarithmic only where all
/// are above 0. Where all values are equal the bins lie around them.
Histogram histogram_of(std::span<const float> values, int bins, bool logarithmic);

/// Moments of the finite values, in float64.
struct ValueStatistics {
  int64_t count = 0, not_finite = 0;
  double mean = 0, deviation = 0, smallest = 0, largest = 0;
  double kurtosis = 0;  // fourth central moment / deviation^4: 3 for a normal distribution; 0 where all are equal
};
ValueStatistics statistics_of(std::span<const float> values);

/// The middle value, of an even number the lower one of the two; 0 of none.
double median_of(std::vector<double> values);

}  // namespace slm
