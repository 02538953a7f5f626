// What every chart stands in: a picture stretched to the room it gets, and around it axes, labels and grid at places in
// percent of that room, so that letters and strokes have one size on every screen.
#pragma once

#include <string>
#include <string_view>

#include "report/axis.h"

namespace slm {

struct PlotAxes {
  Axis x, y;

  double left(double value) const { return 100 * x.place(value); }  // percent
  double top(double value) const { return 100 - 100 * y.place(value); }
};

/// "12.5": a number of percent without a needless fraction.
std::string percent(double value);

/// Grid, ticks and labels of both axes; `x_name` stands below.
std::string plot_grid(const PlotAxes& axes, std::string_view x_name);

/// A chart as a figure: its title, what stands beside it (a legend, or nothing), and its parts, which the words of
/// `description` tell those who do not see them.
struct Figure {
  std::string title, unit, html_beside, description, svg_parts;
  bool large = false;  // over the page's whole width
};
std::string figure_element(const Figure& figure);

}  // namespace slm
