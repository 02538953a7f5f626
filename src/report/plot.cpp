#include "report/plot.h"

#include <fmt/format.h>

#include <cmath>

#include "report/html.h"

namespace slm {

std::string percent(double value) { return fmt::format("{:.6g}", std::round(value * 100) / 100); }

std::string plot_grid(const PlotAxes& axes, std::string_view x_name) {
  std::string out;
  for (const auto& [value, label] : axes.y.ticks) {
    out += fmt::format(
        "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{0}%\" y2=\"{0}%\"/>"
        "<text class=\"tick end\" x=\"0\" dx=\"-8\" y=\"{0}%\" dy=\"4\">{1}</text>",
        percent(axes.top(value)), label);
  }
  for (const auto& [value, label] : axes.x.ticks) {
    out += fmt::format(
        "<line class=\"notch\" x1=\"{0}%\" x2=\"{0}%\" y1=\"100%\" y2=\"100%\"/>"
        "<text class=\"tick middle\" x=\"{0}%\" y=\"100%\" dy=\"18\">{1}</text>",
        percent(axes.left(value)), label);
  }
  return out + fmt::format(
                   "<line class=\"axis\" x1=\"0\" x2=\"100%\" y1=\"100%\" y2=\"100%\"/>"
                   "<text class=\"tick end\" x=\"100%\" y=\"100%\" dy=\"34\">{}</text>",
                   html(x_name));
}

std::string figure_element(const Figure& figure) {
  return fmt::format(
      "<figure{}><figcaption><h3>{} <small>{}</small></h3>{}</figcaption>\n"
      "<svg class=\"plot\" role=\"img\" aria-label=\"{}\">{}</svg></figure>\n",
      figure.large ? " class=\"large\"" : "", html(figure.title), html(figure.unit), figure.html_beside,
      html(figure.description), figure.svg_parts);
}

}  // namespace slm
