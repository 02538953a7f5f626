#include "report/layer_section.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/numbers.h"
#include "report/bars.h"
#include "report/elements.h"
#include "report/html.h"
#include "report/inspection_words.h"

namespace slm {
namespace {

std::string bar_label(const std::string& what, int64_t count, int64_t total) {
  const double share = total > 0 ? static_cast<double>(count) / static_cast<double>(total) : 0;
  return fmt::format("{}: {} ({})", what, with_commas(count), percentage(share));
}

std::string codes_figure(const CodeCounts& codes) {
  constexpr size_t kMostBars = 51;
  constexpr int kTicks = 8;
  const auto unused = codes.unused().size();
  BarChart chart{.title = "Codes",
                 .unit = fmt::format("{} of {} unused", unused, codes.counts.size()),
                 .x_name = "code",
                 .colour = 0,
                 .x = linear_axis(codes.first - 0.5, codes.first + static_cast<double>(codes.counts.size()) - 0.5,
                                  kTicks, AxisEnds::kExact),
                 .bars = {}};
  for (const auto& bin : code_bins(codes, kMostBars)) {
    chart.bars.push_back({bin.first - 0.5, bin.last + 0.5, static_cast<double>(bin.count),
                          bar_label(bin.label(), bin.count, codes.total())});
  }
  return bar_figure(chart);
}

std::string histogram_figure(const std::string& title, const std::string& x_name, int colour,
                             const Histogram& histogram, int64_t total) {
  constexpr int kTicks = 4;
  const size_t bins = histogram.counts.size();
  if (bins == 0) return "";
  BarChart chart{.title = title,
                 .unit = histogram.logarithmic ? "logarithmic bins" : "",
                 .x_name = x_name,
                 .colour = colour,
                 .x = linear_axis(histogram.low, histogram.high, kTicks, AxisEnds::kExact),
                 .bars = {}};
  for (size_t i = 0; i < bins; ++i) {
    const double from = histogram.edge(i), to = histogram.edge(i + 1);
    const auto range = short_number(from, 3) + " to " + short_number(to, 3);
    chart.bars.push_back(
        {from, to, static_cast<double>(histogram.counts[i]), bar_label(range, histogram.counts[i], total)});
  }
  return bar_figure(chart);
}

std::string facts_table(const LayerReport& layer) {
  const auto& values = layer.values;
  std::vector<Row> rows{{"Shape", {{shape_words(layer), "outputs x inputs"}}},
                        {"Bytes",
                         {{with_commas(layer.bytes_before) + " -> " + with_commas(layer.bytes_after),
                           fmt::format("{:.2f} bits per weight", layer.bits_per_weight())}}}};
  if (layer.scheme) rows.insert(rows.begin() + 1, {"Scheme", {{layer.scheme->text}}});
  if (layer.error) {
    rows.push_back({"SQNR", {{decibels(layer.error->sqnr_db) + " dB"}}});
    if (layer.error->cosine) rows.push_back({"Cosine", {{fmt::format("{:.6f}", *layer.error->cosine)}}});
    rows.push_back({"Largest error", {{short_number(layer.error->max_abs_error, 3)}}});
    rows.push_back({"Clipped", {{percentage(layer.error->clipped)}}});
  }
  if (layer.scales) {
    rows.push_back({"Scales",
                    {{with_commas(layer.scales->count),
                      fmt::format("{} to {}, median {}; {} outliers", short_number(layer.scales->smallest, 3),
                                  short_number(layer.scales->largest, 3), short_number(layer.scales->median, 3),
                                  layer.scales->outlier_count)}}});
  }
  rows.push_back(
      {layer.values_of_codes ? "Values" : "Weights",
       {{short_number(values.smallest, 3) + " to " + short_number(values.largest, 3),
         fmt::format("deviation {}, kurtosis {:.2f}", short_number(values.deviation, 3), values.kurtosis)}}});
  if (layer.activation) {
    const auto& activation = *layer.activation;
    rows.push_back({"Activations",
                    {{short_number(activation.low()) + " to " + short_number(activation.high()),
                      fmt::format("scale {}, zero point {}", short_number(activation.scale), activation.zero_point)}}});
  }
  return number_table({}, rows);
}

std::string titled(const std::string& title, const std::string& html_content) {
  return fmt::format("<div><h3>{}</h3>{}</div>", html(title), html_content);
}

std::string worst_rows(const LayerReport& layer) {
  if (layer.worst_rows.empty()) return "";
  std::vector<Row> rows;
  for (const auto& row : layer.worst_rows) {
    rows.push_back({fmt::format("row {}", row.row),
                    {{decibels(row.sqnr_db)}, {short_number(row.max_abs_error, 3)}, {short_number(row.largest, 3)}}});
  }
  return titled("Worst rows (outputs)", number_table({"SQNR dB", "largest error", "largest weight"}, rows));
}

std::string outlier_scales(const LayerReport& layer) {
  if (!layer.scales || layer.scales->outliers.empty()) return "";
  std::vector<Row> rows;
  for (const auto& outlier : layer.scales->outliers) {
    rows.push_back({fmt::format("row {}, group {}", outlier.row, outlier.group),
                    {{short_number(outlier.scale, 3)}, {fmt::format("{:.1f}", outlier.times)}}});
  }
  return titled("Outlier scales", number_table({"scale", "times the median"}, rows));
}

std::string outlier_channels(const LayerReport& layer) {
  if (layer.outlier_channels.empty()) return "";
  std::vector<Row> rows;
  for (const auto& channel : layer.outlier_channels) {
    rows.push_back({fmt::format("input {}", channel.channel),
                    {{short_number(channel.largest, 3)}, {fmt::format("{:.1f}", channel.times)}}});
  }
  const auto title = fmt::format("Outlier channels ({} of {})", layer.outlier_channel_count, layer.in_features);
  return titled(title, number_table({"largest weight", "times the median"}, rows));
}

// A cell holds the weight, below it its code and the code's value.
std::string corner_table(const LayerReport& layer) {
  constexpr int64_t kMostColumns = 8;
  const auto& corner = layer.corner;
  std::vector<std::string> heads;
  const auto columns = std::min(corner.columns, kMostColumns);
  for (int64_t c = 0; c < columns; ++c) heads.push_back(fmt::format("input {}", c));
  std::vector<Row> rows;
  for (int64_t r = 0; r < corner.rows; ++r) {
    rows.push_back({fmt::format("row {}", r), {}});
    for (int64_t c = 0; c < columns; ++c) {
      const auto at = static_cast<size_t>(r * corner.columns + c);
      const auto value = corner.values.empty() ? "" : fmt::format("{:.5f}", corner.values[at]);
      const auto code = corner.codes.empty() ? "" : fmt::format("{}", corner.codes[at]);
      rows.back().cells.push_back(corner.weights.empty()
                                      ? Cell{value, code}
                                      : Cell{fmt::format("{:.5f}", corner.weights[at]),
                                             code.empty() ? "" : fmt::format("{} \u2192 {}", code, value)});
    }
  }
  return titled(corner.codes.empty() ? "The first weights" : "The first weights, their codes and values",
                "<div class=\"corner\">" + number_table(heads, rows) + "</div>");
}

}  // namespace

std::string layer_anchor(const LayerReport& layer) { return "layer-" + layer.name; }

std::string layer_section(const LayerReport& layer) {
  std::string figures;
  if (layer.codes) figures += codes_figure(*layer.codes);
  if (layer.scales && layer.scales->count > 1) {
    figures += histogram_figure("Scales", "scale", 2, layer.scales->distribution, layer.scales->count);
  }
  figures += histogram_figure(layer.values_of_codes ? "Values of the codes" : "Weights", "value", 1, layer.distribution,
                              layer.values.count);
  const auto summary = fmt::format("{}<small>{}{}</small>", html(layer.name), html(compact_scheme(layer)),
                                   layer.error ? html(fmt::format(", {} dB", decibels(layer.error->sqnr_db))) : "");
  const auto inside = fmt::format(
      "<div class=\"inside\" id=\"{}\"><div class=\"charts\">\n{}</div>\n<div "
      "class=\"side\">{}{}{}{}</div>\n{}</div>",
      html(layer_anchor(layer)), figures, titled("In short", facts_table(layer)), worst_rows(layer),
      outlier_scales(layer), outlier_channels(layer), corner_table(layer));
  return details(summary, inside, false);
}

}  // namespace slm
