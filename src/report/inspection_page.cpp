#include "report/inspection_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/block_index.h"
#include "core/numbers.h"
#include "report/chart.h"
#include "report/elements.h"
#include "report/html.h"
#include "report/inspection_words.h"
#include "report/layer_names.h"
#include "report/layer_section.h"
#include "report/shell.h"

namespace slm {
namespace {

std::string header(const Inspection& inspection) {
  std::string out = fmt::format("<header>\n<h1>{}</h1>\n<p>{}", html(inspection.checkpoint), html(inspection.model));
  if (inspection.kind != InspectionKind::kFloat) out += "<br>" + html(scheme_line(inspection));
  if (!inspection.origin.empty()) out += "<br>" + html(inspection.origin);
  return out + "</p>\n</header>\n";
}

std::vector<Fact> facts_of(const Inspection& inspection) {
  const auto totals = totals_of(inspection);
  std::vector<Fact> facts;
  if (totals.quantized == 0) {
    facts.push_back({"Linear layers", with_commas(totals.layers), byte_size(totals.bytes_before) + " in float32"});
    return facts;
  }
  facts.push_back({"Quantized", fmt::format("{} of {}", totals.quantized, totals.layers), "linear layers"});
  facts.push_back({"Size", byte_size(totals.bytes_after),
                   fmt::format("from {}, {:+.1f} %", byte_size(totals.bytes_before), 100 * totals.change())});
  facts.push_back({"Bits per weight", fmt::format("{:.2f}", totals.bits_per_weight), "scales included"});
  if (totals.worst) {
    facts.push_back(
        {"Lowest SQNR", decibels(totals.worst->error->sqnr_db) + " dB", short_layer_name(totals.worst->name)});
  }
  if (inspection.quality) {
    const auto& quality = *inspection.quality;
    const auto more = quality.parent_loss ? fmt::format("{:+.4f} to its parent", quality.loss - *quality.parent_loss)
                                          : std::string("nats per token");
    facts.push_back({"Loss", fmt::format("{:.4f}", quality.loss), more});
    facts.push_back({"KL divergence", fmt::format("{:.5f}", quality.kl_divergence),
                     fmt::format("nats per token; top-1 agreement {:.2f} %", 100 * quality.top1_agreement)});
  }
  return facts;
}

// A line for each kind of layer over the blocks, and what is in no block as a level to compare with.
std::string sqnr_figure(const Inspection& inspection) {
  Chart chart{.title = "SQNR of the weights", .unit = "dB, higher is better", .over = "block", .large = true};
  for (const auto& layer : inspection.layers) {
    if (!layer.error || !std::isfinite(layer.error->sqnr_db)) continue;
    const auto block = block_index(layer.name);
    const auto kind = layer_kind(layer.name);
    if (!block) {
      chart.references.push_back({fmt::format("{} {} dB", kind, decibels(layer.error->sqnr_db)), layer.error->sqnr_db});
      continue;
    }
    auto line = std::find_if(chart.lines.begin(), chart.lines.end(), [&](const auto& l) { return l.label == kind; });
    if (line == chart.lines.end()) {
      const auto count = static_cast<int>(chart.lines.size());
      line = chart.lines.insert(
          line, {.label = kind, .colour = count % kChartColours, .dashed = count >= kChartColours, .series = {}});
    }
    line->series.push_back({static_cast<double>(*block), layer.error->sqnr_db});
  }
  return figure(chart);
}

std::string output_figure(const std::string& title, const std::string& over, const std::vector<OutputError>& outputs) {
  Chart chart{.title = title,
              .unit = "% of the output's norm",
              .over = over,
              .scale = ChartScale::kWide,
              .lines = {{.label = "alone", .colour = 2, .series = {}},
                        {.label = "with all before it", .colour = 1, .series = {}}}};
  for (const auto& output : outputs) {
    const auto place = static_cast<double>(chart.lines[0].series.size());
    chart.lines[0].series.push_back({place, 100 * output.local});
    chart.lines[1].series.push_back({place, 100 * output.cumulative});
  }
  return figure(chart);
}

std::vector<std::string> heads_of(const Inspection& inspection) {
  if (inspection.kind == InspectionKind::kFloat) {
    return {"shape", "bytes", "deviation", "smallest", "largest", "kurtosis", "outlier channels"};
  }
  std::vector<std::string> heads{"shape",   "scheme",  "before",        "after",       "bits",
                                 "SQNR dB", "clipped", "largest error", "unused codes"};
  if (!inspection.layer_outputs.empty()) heads.insert(heads.end(), {"output error", "with all before"});
  return heads;
}

std::vector<Cell> float_cells(const LayerReport& layer) {
  const auto& values = layer.values;
  return {{shape_words(layer)},
          {byte_size(layer.bytes_before)},
          {short_number(values.deviation, 3)},
          {short_number(values.smallest, 3)},
          {short_number(values.largest, 3)},
          {fmt::format("{:.2f}", values.kurtosis)},
          {fmt::format("{}", layer.outlier_channel_count)}};
}

std::vector<Cell> quantized_cells(const LayerReport& layer) {
  const auto& error = layer.error;
  return {{shape_words(layer)},
          {compact_scheme(layer)},
          {byte_size(layer.bytes_before)},
          {byte_size(layer.bytes_after)},
          {fmt::format("{:.2f}", layer.bits_per_weight())},
          {error ? decibels(error->sqnr_db) : ""},
          {error ? percentage(error->clipped) : ""},
          {error ? short_number(error->max_abs_error, 3) : ""},
          {layer.codes ? fmt::format("{}", layer.codes->unused().size()) : ""}};
}

std::string layer_table(const Inspection& inspection) {
  const bool is_float = inspection.kind == InspectionKind::kFloat;
  std::vector<Row> rows;
  for (const auto& layer : inspection.layers) {
    rows.push_back({layer.name, is_float ? float_cells(layer) : quantized_cells(layer), layer_anchor(layer)});
    if (inspection.layer_outputs.empty()) continue;
    const auto output = std::find_if(inspection.layer_outputs.begin(), inspection.layer_outputs.end(),
                                     [&](const OutputError& o) { return o.name == layer.name; });
    const bool known = output != inspection.layer_outputs.end();
    rows.back().cells.push_back({known ? percentage(output->local) : ""});
    rows.back().cells.push_back({known ? percentage(output->cumulative) : ""});
  }
  return section("Layers", long_table("Layers", heads_of(inspection), rows));
}

std::string float_table(const Inspection& inspection) {
  std::vector<Row> rows;
  for (const auto& [name, reason] : inspection.left_float) rows.push_back({name, {{reason}}});
  if (inspection.float_parameters > 0) {
    rows.push_back({"all outside the linear layers",
                    {{with_commas(inspection.float_parameters) + " parameters", "embeddings, norms, biases"}}});
  }
  return rows.empty() ? "" : section("Left float", table({}, rows));
}

}  // namespace

std::string inspection_page(const Inspection& inspection) {
  std::string layers;
  for (const auto& layer : inspection.layers) layers += layer_section(layer);
  const auto tokens = inspection.output_tokens > 0 ? fmt::format(" Output errors: ||y - y^|| / ||y|| over {} tokens.",
                                                                 with_commas(inspection.output_tokens))
                                                   : "";
  return html_page(inspection.checkpoint,
                   header(inspection) + tiles(facts_of(inspection)) +
                       fmt::format("<div class=\"charts\">\n{}{}{}</div>\n", sqnr_figure(inspection),
                                   output_figure("Error of each layer's output", "layer", inspection.layer_outputs),
                                   output_figure("Error of the hidden states", "block", inspection.block_outputs)) +
                       layer_table(inspection) + float_table(inspection) + section("Layer by layer", layers),
                   fmt::format("Made by slm {}. Values show under the pointer.{}", SLM_VERSION, html(tokens)));
}

}  // namespace slm
