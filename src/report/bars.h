// A chart of counts beside each other, as a figure of HTML with inline SVG; a count shows under the pointer.
#pragma once

#include <string>
#include <vector>

#include "report/axis.h"

namespace slm {

struct Bar {
  double from = 0, to = 0;  // on the x axis
  double value = 0;
  std::string label;  // what shows under the pointer
};

struct BarChart {
  std::string title, unit, x_name;
  int colour = 0;  // as ChartLine's
  Axis x;          // holds all bars
  std::vector<Bar> bars;
};

/// The figure; "" where there is no bar.
std::string bar_figure(const BarChart& chart);

}  // namespace slm
