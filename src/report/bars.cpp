#include "report/bars.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/numbers.h"
#include "report/html.h"
#include "report/plot.h"

namespace slm {
namespace {

// As wide as its place less a gap, so that neighbours are told apart.
std::string drawn(const Bar& bar, const PlotAxes& axes) {
  constexpr double kFilled = 0.86;
  const double left = axes.left(bar.from), width = axes.left(bar.to) - left, top = axes.top(bar.value);
  return fmt::format("<rect x=\"{}%\" y=\"{}%\" width=\"{}%\" height=\"{}%\"><title>{}</title></rect>",
                     percent(left + width * (1 - kFilled) / 2), percent(top), percent(width * kFilled),
                     percent(100 - top), html(bar.label));
}

}  // namespace

std::string bar_figure(const BarChart& chart) {
  if (chart.bars.empty()) return "";
  constexpr int kTicks = 4;
  const auto largest = std::max_element(chart.bars.begin(), chart.bars.end(),
                                        [](const Bar& a, const Bar& b) { return a.value < b.value; });
  const PlotAxes axes{chart.x, linear_axis(0, std::max(largest->value, 1.0), kTicks, AxisEnds::kRound)};
  std::string bars;
  for (const auto& bar : chart.bars) {
    if (bar.value > 0) bars += drawn(bar, axes);
  }
  return figure_element({.title = chart.title,
                         .unit = chart.unit,
                         .html_beside = "",
                         .description = fmt::format("{}. The largest: {}.", chart.title, largest->label),
                         .svg_parts = plot_grid(axes, chart.x_name) +
                                      fmt::format("<g class=\"bars s{}\">{}</g>", chart.colour + 1, bars)});
}

}  // namespace slm
