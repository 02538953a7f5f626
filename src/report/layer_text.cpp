#include <fmt/format.h>

#include <algorithm>

#include "core/numbers.h"
#include "report/inspection_text.h"
#include "report/inspection_words.h"

namespace slm {
namespace {

constexpr int kBarBeside = 32;  // letters beside a bar

std::string fact(const char* name, const std::string& text) { return fmt::format("  {:<13}{}\n", name, text); }

std::string heading(const std::string& title, const TextStyle& style) {
  return fmt::format("\n{}\n", style.strong(title));
}

std::string facts_text(const LayerReport& layer) {
  const auto& values = layer.values;
  std::string text = fact("shape", fmt::format("{} outputs x {} inputs", layer.out_features, layer.in_features));
  if (layer.scheme) {
    text += fact("scheme", layer.scheme->text);
    text += fact("bytes", fmt::format("{} -> {}, {:.2f} bits per weight", with_commas(layer.bytes_before),
                                      with_commas(layer.bytes_after), layer.bits_per_weight()));
  } else {
    text += fact("scheme", layer.reason.empty() ? "float" : "float: " + layer.reason);
    text += fact("bytes", with_commas(layer.bytes_before) + " in float32");
  }
  if (layer.error) {
    const auto& error = *layer.error;
    const auto cosine = error.cosine ? fmt::format(", cosine {:.6f}", *error.cosine) : "";
    text += fact("error", fmt::format("SQNR {} dB{}, largest {}, clipped {}", decibels(error.sqnr_db), cosine,
                                      short_number(error.max_abs_error, 3), percentage(error.clipped)));
  }
  text += fact(
      layer.values_of_codes ? "values" : "weights",
      fmt::format("from {} to {}, mean {}, deviation {}", short_number(values.smallest, 3),
                  short_number(values.largest, 3), short_number(values.mean, 2), short_number(values.deviation, 3)));
  text += fact("", fmt::format("kurtosis {:.2f} (3 for a normal distribution)", values.kurtosis));
  if (values.not_finite > 0) text += fact("", with_commas(values.not_finite) + " are NaN or infinite");
  if (layer.activation) {
    const auto& activation = *layer.activation;
    text += fact("activations",
                 fmt::format("static, from {} to {}: scale {}, zero point {}", short_number(activation.low()),
                             short_number(activation.high()), short_number(activation.scale), activation.zero_point));
  }
  return text;
}

std::string bar_line(const std::string& label, int64_t count, int64_t total, int64_t most, const TextStyle& style) {
  const double share = total > 0 ? static_cast<double>(count) / static_cast<double>(total) : 0;
  const double length = most > 0 ? static_cast<double>(count) / static_cast<double>(most) : 0;
  const auto bar = text_bar(length, style.width - kBarBeside, style);
  auto line = fmt::format("  {:>10} {:>8} {:>8} {}", label, count, count == 0 ? "-" : percentage(share), bar);
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string codes_text(const LayerReport& layer, const TextStyle& style) {
  if (!layer.codes) return "";
  constexpr size_t kMostLines = 17;
  const auto bins = code_bins(*layer.codes, kMostLines);
  int64_t most = 0;
  for (const auto& bin : bins) most = std::max(most, bin.count);
  std::string text = heading("codes", style);
  for (const auto& bin : bins) text += bar_line(bin.label(), bin.count, layer.codes->total(), most, style);
  const auto unused = layer.codes->unused();
  const auto named = unused.empty() ? "" : ": " + ranges_of(unused);
  return text + wrapped(fmt::format("  {} of {} codes are unused{}", unused.size(), layer.codes->counts.size(), named),
                        style.width);
}

std::string weights_text(const LayerReport& layer, const TextStyle& style) {
  if (layer.codes) return "";
  std::string text = heading("weights", style);
  int64_t most = 0;
  for (const int64_t count : layer.distribution.counts) most = std::max(most, count);
  for (size_t i = 0; i < layer.distribution.counts.size(); ++i) {
    const double middle = (layer.distribution.edge(i) + layer.distribution.edge(i + 1)) / 2;
    text += bar_line(fmt::format("{:.2g}", middle), layer.distribution.counts[i], layer.values.count, most, style);
  }
  return text;
}

std::string scales_text(const LayerReport& layer, const TextStyle& style) {
  if (!layer.scales) return "";
  const auto& scales = *layer.scales;
  std::string text = heading("scales", style);
  text +=
      fmt::format("  {} of them: smallest {}, median {}, largest {}\n", with_commas(scales.count),
                  short_number(scales.smallest, 3), short_number(scales.median, 3), short_number(scales.largest, 3));
  text += fmt::format("  {} over {} times the median\n", with_commas(scales.outlier_count), kOutlierTimes);
  if (scales.outliers.empty()) return text;
  TextTable table({{.head = "  row"}, {.head = "group"}, {.head = "scale"}, {.head = "x median"}});
  for (const auto& outlier : scales.outliers) {
    table.add({fmt::format("{}", outlier.row), fmt::format("{}", outlier.group), short_number(outlier.scale, 3),
               fmt::format("{:.1f}", outlier.times)});
  }
  return text + table.text(style);
}

std::string rows_text(const LayerReport& layer, const TextStyle& style) {
  if (layer.worst_rows.empty()) return "";
  TextTable table({{.head = "  row"}, {.head = "SQNR dB"}, {.head = "largest error"}, {.head = "largest weight"}});
  for (const auto& row : layer.worst_rows) {
    table.add({fmt::format("{}", row.row), decibels(row.sqnr_db), short_number(row.max_abs_error, 3),
               short_number(row.largest, 3)});
  }
  return heading("worst rows (outputs)", style) + table.text(style);
}

std::string channels_text(const LayerReport& layer, const TextStyle& style) {
  std::string text = heading("outlier channels (inputs)", style);
  text += fmt::format("  {} of {} have a largest weight of over {} times the channels' median\n",
                      layer.outlier_channel_count, layer.in_features, kOutlierTimes);
  if (layer.outlier_channels.empty()) return text;
  TextTable table({{.head = "  channel"}, {.head = "largest weight"}, {.head = "x median"}});
  for (const auto& channel : layer.outlier_channels) {
    table.add(
        {fmt::format("{}", channel.channel), short_number(channel.largest, 3), fmt::format("{:.1f}", channel.times)});
  }
  return text + table.text(style);
}

// Three lines a row (weight, code, value) where it is quantized, one where not; as many columns as there is room for.
std::string corner_text(const LayerReport& layer, const TextStyle& style) {
  constexpr int kLabel = 14, kCell = 10;
  const auto& corner = layer.corner;
  const auto columns = std::min<int64_t>(corner.columns, (style.width - kLabel) / kCell);
  std::string text = heading(fmt::format("the first {} rows and {} columns", corner.rows, columns), style);
  const auto line = [&](const std::string& label, const auto& values, int64_t row, const char* format) {
    if (values.empty()) return;
    text += fmt::format("{:>{}}", label, kLabel);
    for (int64_t c = 0; c < columns; ++c) {
      const auto cell = fmt::format(fmt::runtime(format), values[static_cast<size_t>(row * corner.columns + c)]);
      text += fmt::format("{:>{}}", cell, kCell);
    }
    text += "\n";
  };
  for (int64_t row = 0; row < corner.rows; ++row) {
    const auto name = fmt::format("row {}", row);
    line(name + " weight", corner.weights, row, "{:.5f}");
    line(corner.weights.empty() ? name + " code" : "code", corner.codes, row, "{}");
    line("value", corner.values, row, "{:.5f}");
  }
  return text;
}

}  // namespace

std::string layer_text(const LayerReport& layer, const TextStyle& style) {
  return style.strong(layer.name) + "\n" + facts_text(layer) + codes_text(layer, style) + weights_text(layer, style) +
         scales_text(layer, style) + rows_text(layer, style) + channels_text(layer, style) + corner_text(layer, style);
}

}  // namespace slm
