#include "report/inspection_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/numbers.h"
#include "report/inspection_words.h"
#include "report/layer_names.h"

namespace slm {
namespace {

constexpr int kWide = 120;  // from here on names are written in full

std::string name_in(const TextStyle& style, const std::string& name) {
  return style.width < kWide ? short_layer_name(name) : name;
}

std::string scientific(double value) { return fmt::format("{:.1e}", value); }

TextTable quantized_table(const Inspection& inspection, const TextStyle& style) {
  TextTable table({{.head = "layer", .to_the_left = true},
                   {.head = "shape"},
                   {.head = "scheme", .to_the_left = true, .rank = 1},
                   {.head = "before"},
                   {.head = "after"},
                   {.head = "bits"},
                   {.head = "SQNR"},
                   {.head = "clipped"},
                   {.head = "error"},
                   {.head = "unused", .rank = 2}});
  for (const auto& layer : inspection.layers) {
    const auto unused =
        layer.codes ? fmt::format("{}/{}", layer.codes->unused().size(), layer.codes->counts.size()) : "";
    table.add({name_in(style, layer.name), shape_words(layer), compact_scheme(layer), byte_size(layer.bytes_before),
               byte_size(layer.bytes_after), fmt::format("{:.2f}", layer.bits_per_weight()),
               layer.error ? decibels(layer.error->sqnr_db) : "", layer.error ? percentage(layer.error->clipped) : "",
               layer.error ? scientific(layer.error->max_abs_error) : "", unused});
  }
  return table;
}

TextTable float_table(const Inspection& inspection, const TextStyle& style) {
  TextTable table({{.head = "layer", .to_the_left = true},
                   {.head = "shape"},
                   {.head = "bytes"},
                   {.head = "deviation"},
                   {.head = "smallest"},
                   {.head = "largest"},
                   {.head = "kurtosis"},
                   {.head = "outliers"},
                   {.head = "mean", .rank = 1}});
  for (const auto& layer : inspection.layers) {
    const auto& values = layer.values;
    table.add({name_in(style, layer.name), shape_words(layer), byte_size(layer.bytes_before),
               short_number(values.deviation, 3), short_number(values.smallest, 3), short_number(values.largest, 3),
               fmt::format("{:.1f}", values.kurtosis), fmt::format("{}", layer.outlier_channel_count),
               scientific(values.mean)});
  }
  return table;
}

std::string explanation(const Inspection& inspection) {
  if (inspection.kind == InspectionKind::kFloat) {
    return "kurtosis: 3 for a normal distribution. outliers: inputs whose largest weight is over " +
           short_number(kOutlierTimes) + " times the median of all inputs'.";
  }
  return "before: float32. SQNR in dB. clipped: share of weights beyond the outermost code. error: the largest "
         "|weight - value of its code|. bits: per weight, scales included.";
}

std::string outputs_text(const std::vector<OutputError>& outputs, const std::string& what, const TextStyle& style) {
  if (outputs.empty()) return "";
  constexpr int kBarRoom = 60;  // what stands beside the bars
  double largest = 0;
  for (const auto& output : outputs) largest = std::max({largest, output.local, output.cumulative});
  TextTable table({{.head = what, .to_the_left = true}, {.head = "alone"}, {.head = "with all before"}});
  for (const auto& output : outputs) {
    table.add({name_in(style, output.name), percentage(output.local), percentage(output.cumulative)});
  }
  std::string text = table.text(style), out;
  size_t begin = 0, row = 0;
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin), ++row) {
    out += text.substr(begin, end - begin);
    if (row > 0) out += "  " + text_bar(outputs[row - 1].cumulative / largest, style.width - kBarRoom, style);
    out += '\n';
    begin = end + 1;
  }
  return "\n" + out;
}

}  // namespace

std::string inspection_text(const Inspection& inspection, const TextStyle& style) {
  const bool is_float = inspection.kind == InspectionKind::kFloat;
  std::string text = style.strong(inspection.checkpoint) + "\n" + wrapped(inspection.model, style.width);
  if (!is_float) text += scheme_line(inspection) + "\n";
  if (!inspection.origin.empty()) text += wrapped(inspection.origin, style.width);
  const auto table = is_float ? float_table(inspection, style) : quantized_table(inspection, style);
  text += fmt::format("\n{}\n", table.text(style));
  text += style.faint(wrapped(explanation(inspection), style.width));
  for (const auto& line : summary_lines(inspection)) text += wrapped(line, style.width);
  if (!inspection.layer_outputs.empty() || !inspection.block_outputs.empty()) {
    text += fmt::format("\noutput errors ||y - y^|| / ||y|| over {} tokens; bars: with all before\n",
                        with_commas(inspection.output_tokens));
  }
  return text + outputs_text(inspection.layer_outputs, "layer", style) +
         outputs_text(inspection.block_outputs, "hidden states", style);
}

}  // namespace slm
