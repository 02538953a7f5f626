#include "report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/numbers.h"
#include "report/html.h"
#include "report/plot.h"

namespace slm {
namespace {

constexpr size_t kBuckets = 400;    // of a line: about one every other pixel
constexpr size_t kFewBuckets = 40;  // each drawn as a dot too
constexpr int kReadouts = 100;      // places that tell their values under the pointer
constexpr int kPlotSize = 1000;     // units of the stretched picture, in both directions

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;

  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

std::string css_class(const ChartLine& line) {
  return fmt::format("s{}{}", line.colour + 1, line.dashed ? " dashed" : "");
}

Axis value_axis(const Chart& chart, Range range) {
  constexpr double kWideRatio = 10;
  constexpr int kTicks = 6;
  if (chart.scale == ChartScale::kWide && range.low > 0 && range.high > kWideRatio * range.low) {
    return logarithmic_axis(range.low, range.high);
  }
  if (chart.scale == ChartScale::kFromZero) range.add(0);
  return linear_axis(range.low, range.high, kTicks, AxisEnds::kRound);
}

std::optional<PlotAxes> axes_of(const Chart& chart) {
  const int step_ticks = chart.large ? 8 : 6;
  Range steps{0, chart.last_step}, values;
  for (const auto& line : chart.lines) {
    for (const auto& [step, value] : line.series) {
      steps.add(step);
      values.add(value);
    }
  }
  if (values.empty()) return std::nullopt;
  for (const auto& reference : chart.references) {
    if (reference.always_shown) values.add(reference.value);
  }
  // Steps are whole: no tick between two of them.
  const int ticks = std::clamp(static_cast<int>(std::min<double>(steps.high - steps.low, step_ticks)), 1, step_ticks);
  return PlotAxes{linear_axis(steps.low, steps.high, ticks, AxisEnds::kExact), value_axis(chart, values)};
}

// --- the stretched picture ---

std::string point(const PlotAxes& axes, double step, double value) {
  constexpr double kUnits = kPlotSize / 100.0;
  return fmt::format("{:.1f} {:.1f}", kUnits * axes.left(step), kUnits * axes.top(value));
}

// The area between the lowest and the highest of each bucket.
std::string band(const Piece& piece, const PlotAxes& axes) {
  std::string path = "M";
  for (const auto& bucket : piece) path += point(axes, bucket.step, bucket.high) + " ";
  for (auto bucket = piece.rbegin(); bucket != piece.rend(); ++bucket) {
    path += point(axes, bucket->step, bucket->low) + " ";
  }
  return path + "Z";
}

std::string drawn(const ChartLine& line, const PlotAxes& axes) {
  std::string areas, lines, dots;
  for (const auto& piece : pieces_of(line.series, kBuckets)) {
    const auto is_wide = [](const Bucket& bucket) { return bucket.low < bucket.high; };
    if (std::any_of(piece.begin(), piece.end(), is_wide)) areas += band(piece, axes);
    lines += "M";
    for (const auto& bucket : piece) lines += point(axes, bucket.step, bucket.mean) + " ";
    if (piece.size() > 1 && line.series.size() > kFewBuckets) continue;
    for (const auto& bucket : piece) dots += fmt::format("M{}h0", point(axes, bucket.step, bucket.mean));
  }
  const auto path = [&](const char* kind, const std::string& d) {
    return d.empty() ? "" : fmt::format("<path class=\"{} {}\" d=\"{}\"/>", kind, css_class(line), d);
  };
  return path("band", areas) + path("line", lines) + path("dot", dots);
}

std::string skipped_marks(const Chart& chart, const PlotAxes& axes) {
  std::string path;
  for (const auto& piece : pieces_of(chart.skipped, kBuckets)) {
    for (const auto& bucket : piece) path += fmt::format("M{:.1f} {}v-40", 10 * axes.left(bucket.step), kPlotSize);
  }
  return path.empty() ? "" : fmt::format("<path class=\"skipped\" d=\"{}\"/>", path);
}

std::string picture(const Chart& chart, const PlotAxes& axes) {
  std::string lines = skipped_marks(chart, axes);
  for (const auto& line : chart.lines) lines += drawn(line, axes);
  return fmt::format(
      "<svg width=\"100%\" height=\"100%\" viewBox=\"0 0 {0} {0}\" preserveAspectRatio=\"none\">{1}</svg>", kPlotSize,
      lines);
}

// --- around it ---

// Under the lines, and what they are called above them.
struct References {
  std::string lines, names;
};

References references(const Chart& chart, const PlotAxes& axes) {
  References out;
  for (const auto& [label, value, always_shown] : chart.references) {
    if (value < axes.y.low || value > axes.y.high) continue;
    const auto top = percent(axes.top(value));
    out.lines += fmt::format("<line class=\"reference\" x1=\"0\" x2=\"100%\" y1=\"{0}%\" y2=\"{0}%\"/>", top);
    out.names += fmt::format("<text class=\"note end\" x=\"100%\" y=\"{}%\" dy=\"-6\">{}</text>", top, html(label));
  }
  return out;
}

// The last finite point of each line in one of `kReadouts` equal stretches of steps.
struct Readout {
  double step = 0;
  std::vector<std::pair<const ChartLine*, double>> values;
};

std::vector<Readout> readouts_of(const Chart& chart, const PlotAxes& axes) {
  std::vector<Readout> readouts(kReadouts);
  for (const auto& line : chart.lines) {
    for (const auto& [step, value] : line.series) {
      if (!std::isfinite(value)) continue;
      const double place = axes.x.place(step) * kReadouts;
      auto& readout = readouts[static_cast<size_t>(std::clamp(place, 0.0, kReadouts - 1.0))];
      if (readout.values.empty() || readout.values.back().first != &line) readout.values.emplace_back(&line, value);
      readout.values.back().second = value;
      readout.step = std::max(readout.step, step);
    }
  }
  return readouts;
}

std::string shown(const Readout& readout, const std::string& over, int index, const PlotAxes& axes) {
  if (readout.values.empty()) return "";
  constexpr double kWidth = 100.0 / kReadouts;
  const auto x = percent(axes.left(readout.step));
  std::string dots, text = over + " " + with_commas(static_cast<int64_t>(readout.step));
  for (const auto& [line, value] : readout.values) {
    dots += fmt::format("<circle class=\"s{}\" cx=\"{}%\" cy=\"{}%\" r=\"3.5\"/>", line->colour + 1, x,
                        percent(axes.top(value)));
    text += fmt::format(" \u00b7 {} {}", line->label, short_number(value));
  }
  return fmt::format(
      "<g class=\"readout\"><rect x=\"{}%\" width=\"{}%\" height=\"100%\"/>"
      "<line x1=\"{}%\" x2=\"{}%\" y1=\"0\" y2=\"100%\"/>{}<text class=\"end\" x=\"100%\" y=\"0\" "
      "dy=\"-10\">{}</text></g>",
      percent(kWidth * index), percent(kWidth), x, x, dots, html(text));
}

// Nothing where there is one line, which the title names.
std::string legend(const Chart& chart) {
  if (chart.lines.size() == 1 && chart.skipped.empty()) return "";
  std::string entries;
  const auto add = [&](const std::string& swatch, const std::string& label) {
    entries += fmt::format("<li><svg width=\"22\" height=\"10\"><path class=\"{}\" d=\"M1 5h20\"/></svg>{}</li>",
                           swatch, html(label));
  };
  for (const auto& line : chart.lines) add("line " + css_class(line), line.label);
  if (!chart.skipped.empty()) add("skipped", "skipped steps");
  return fmt::format("<ul class=\"legend\">{}</ul>", entries);
}

// The chart in words, for those who do not see it.
std::string description(const Chart& chart) {
  std::string text = fmt::format("{} over {}s.", chart.title, chart.over);
  for (const auto& line : chart.lines) {
    if (line.series.empty()) continue;
    const auto &first = line.series.front(), &last = line.series.back();
    text += fmt::format(" {0}: {1} at {5} {2}, {3} at {5} {4}.", line.label, short_number(first.value), first.step,
                        short_number(last.value), last.step, chart.over);
  }
  return text;
}

}  // namespace

std::string figure(const Chart& chart) {
  const auto axes = axes_of(chart);
  if (!axes) return "";
  const auto compared = references(chart, *axes);
  std::string readouts;
  int index = 0;
  for (const auto& readout : readouts_of(chart, *axes)) readouts += shown(readout, chart.over, index++, *axes);
  const auto unit = chart.unit + (axes->y.logarithmic ? ", logarithmic" : "");
  return figure_element(
      {.title = chart.title,
       .unit = unit,
       .html_beside = legend(chart),
       .description = description(chart),
       .svg_parts = plot_grid(*axes, chart.over) + compared.lines + picture(chart, *axes) + compared.names + readouts,
       .large = chart.large});
}

}  // namespace slm
