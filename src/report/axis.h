// The axes of a chart: where they begin and end, and the round numbers that are written beside them.
#pragma once

#include <string>
#include <vector>

namespace slm {

struct Tick {
  double value;
  std::string label;
};

struct Axis {
  double low = 0, high = 1;
  bool logarithmic = false;
  std::vector<Tick> ticks;

  /// 0 at `low`, 1 at `high`.
  double place(double value) const;
};

/// Whether an axis ends where the values do, or at the round numbers around them.
enum class AxisEnds { kExact, kRound };

/// Ticks at multiples of 1, 2 or 5 times a power of ten, about `most_ticks` of them or fewer. Where `low` and `high`
/// are (nearly) the same the axis is widened around them.
Axis linear_axis(double low, double high, int most_ticks, AxisEnds ends);

/// From a round number to a round number; 0 < low <= high. Ticks at powers of ten, over few of them also at 2 and 5.
Axis logarithmic_axis(double low, double high);

}  // namespace slm
