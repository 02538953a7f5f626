// A chart of numbers over steps, or over what else is counted, as a figure of HTML with inline SVG.
//
// Lines lie in a picture that is stretched to the room it gets (plot.h). Colours, strokes and what shows under the
// pointer come from style.h; no script is needed.
#pragma once

#include <string>
#include <vector>

#include "report/series.h"

namespace slm {

struct ChartLine {
  std::string label;
  int colour = 0;       // from 0, less than kChartColours
  bool dashed = false;  // the second kind of line of that colour
  Series series;
};

/// How many colours a page has.
inline constexpr int kChartColours = 6;

/// A value to compare with: a dashed line across the chart.
struct ChartReference {
  std::string label;
  double value;
  bool always_shown = true;  // otherwise only where it lies among the values
};

enum class ChartScale {
  kRange,     // linear around the values
  kFromZero,  // linear from 0
  kWide,      // logarithmic where the largest value is many times the smallest, otherwise as kRange
};

struct Chart {
  std::string title, unit;
  std::string over = "step";  // what the x axis counts
  ChartScale scale = ChartScale::kRange;
  bool large = false;    // over the page's whole width
  double last_step = 0;  // the axis goes from 0 to there, or as far as the lines do
  std::vector<ChartLine> lines = {};
  std::vector<ChartReference> references = {};
  Series skipped = {};  // steps to mark as such; values are not looked at
};

/// The figure; "" where no line has a finite value.
std::string figure(const Chart& chart);

}  // namespace slm
