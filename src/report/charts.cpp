#include "report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "core/numbers.h"
#include "report/chart.h"

namespace slm {
namespace {

using Runs = std::span<const RunData>;

/// A number that a chart shows, by its series' name.
struct Kind {
  std::string label, series;
};

// Lines of `kinds` for all runs that have them.
std::vector<ChartLine> lines_of(Runs runs, const std::vector<Kind>& kinds) {
  std::vector<ChartLine> lines;
  for (size_t r = 0; r < runs.size(); ++r) {
    for (size_t k = 0; k < kinds.size(); ++k) {
      const auto& series = runs[r][kinds[k].series];
      if (series.empty()) continue;
      const bool one_run = runs.size() == 1, one_kind = kinds.size() == 1;
      const auto label = one_run ? kinds[k].label : runs[r].name + (one_kind ? "" : " " + kinds[k].label);
      lines.push_back({.label = label,
                       .colour = static_cast<int>((one_run ? k : r) % kChartColours),
                       .dashed = one_run ? k >= kChartColours : k > 0,
                       .series = series});
    }
  }
  return lines;
}

// Steps of all runs that were not applied.
Series skipped_of(Runs runs) {
  Series skipped;
  for (const auto& run : runs) {
    for (const auto& point : run["train/applied"]) {
      if (point.value == 0) skipped.push_back(point);
    }
  }
  return skipped;
}

Chart loss(Runs runs) {
  return {.title = "Loss",
          .unit = "nats per token",
          .scale = ChartScale::kWide,
          .large = true,
          .lines = lines_of(runs, {{"training", "train/loss"}, {"validation", "evaluation/loss"}}),
          .skipped = skipped_of(runs)};
}

Chart validation(Runs runs) {
  Chart chart{.title = "Validation",
              .unit = "bits per byte",
              .lines = lines_of(runs, {{"validation", "evaluation/bits_per_byte"}})};
  std::set<double> floors;
  for (const auto& run : runs) {
    const auto& floor = run["evaluation/floor_bits_per_byte"];
    if (!floor.empty()) floors.insert(floor.back().value);
  }
  for (const double floor : floors) {
    chart.references.push_back({fmt::format("exact floor {}", short_number(floor)), floor});
  }
  return chart;
}

// One chart of all abilities, or of several runs one for each ability.
std::vector<Chart> probes(Runs runs) {
  const std::string prefix = "evaluation/probes/";
  std::set<std::string> names;
  for (const auto& run : runs) {
    for (const auto& [name, series] : run.series) {
      if (name.starts_with(prefix)) names.insert(name);
    }
  }
  std::vector<Kind> kinds;
  for (const auto& name : names) kinds.push_back({name.substr(prefix.size()), name});
  const auto chart = [&](const std::string& title, const std::vector<Kind>& shown) {
    return Chart{.title = title,
                 .unit = "share of right answers",
                 .scale = ChartScale::kFromZero,
                 .lines = lines_of(runs, shown)};
  };
  if (runs.size() == 1) return {chart("Probes", kinds)};
  std::vector<Chart> charts;
  for (const auto& kind : kinds) charts.push_back(chart("Probe: " + kind.label, {kind}));
  return charts;
}

Chart gradient_norm(Runs runs) {
  Chart chart{.title = "Gradient norm",
              .unit = "before clipping",
              .scale = ChartScale::kWide,
              .lines = lines_of(runs, {{"gradient norm", "train/gradient_norm"}}),
              .skipped = skipped_of(runs)};
  std::set<double> limits;
  for (const auto& run : runs) {
    const auto text = run.setting("max_grad_norm");
    double limit = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), limit).ec == std::errc() && limit > 0) {
      limits.insert(limit);
    }
  }
  for (const double limit : limits) {
    chart.references.push_back({fmt::format("clipped above {}", short_number(limit)), limit, false});
  }
  return chart;
}

Chart simple(Runs runs, const std::string& title, const std::string& unit, const std::string& series) {
  return {.title = title, .unit = unit, .scale = ChartScale::kFromZero, .lines = lines_of(runs, {{title, series}})};
}

// What fake quantization did, of runs with quantization-aware training.
std::vector<Chart> quantization(Runs runs) {
  return {simple(runs, "Codes that change", "share of the weights' codes, a step", "train/qat/code_flips"),
          {.title = "Clipped",
           .unit = "share of the elements",
           .scale = ChartScale::kFromZero,
           .lines = lines_of(
               runs, {{"weights", "train/qat/clipped_weights"}, {"activations", "train/qat/clipped_activations"}})},
          simple(runs, "Divergence from the float parent", "KL, nats per token", "train/qat/kl_divergence"),
          simple(runs, "Drift of the scales", "mean of |s - s0| / s0", "train/qat/scale_drift")};
}

}  // namespace

std::string charts_of(Runs runs) {
  std::vector<Chart> charts{loss(runs),
                            validation(runs),
                            simple(runs, "Learning rate", "of each step", "train/learning_rate"),
                            gradient_norm(runs),
                            simple(runs, "Speed", "tokens per second", "train/tokens_per_second"),
                            simple(runs, "Memory", "MiB in use", "train/memory_mib")};
  for (auto& chart : probes(runs)) charts.push_back(std::move(chart));
  for (auto& chart : quantization(runs)) charts.push_back(std::move(chart));
  std::string out;
  for (auto& chart : charts) {
    for (const auto& run : runs) chart.last_step = std::max(chart.last_step, static_cast<double>(run.last_step));
    out += figure(chart);
  }
  return out;
}

}  // namespace slm
