#include "report/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "core/numbers.h"
#include "report/html.h"

namespace slm {
namespace {

constexpr size_t kMostSamples = 40;  // of a run

std::string samples_of(const RunData& run) {
  const auto& samples = run.samples;
  const size_t shown = std::min(samples.size(), kMostSamples);
  std::string out;
  for (size_t i = shown; i-- > 0;) {  // the newest first
    const auto& [step, text] = samples[shown == 1 ? samples.size() - 1 : i * (samples.size() - 1) / (shown - 1)];
    out +=
        details("Step " + with_commas(step), fmt::format("<pre class=\"prose\">{}</pre>", html(text)), i + 1 == shown);
  }
  if (shown < samples.size()) out += fmt::format("<p><small>{} of {} are shown.</small></p>\n", shown, samples.size());
  return out;
}

// Comments, the titles of groups among them, stand back.
std::string yaml(const std::string& text) {
  std::string out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const auto line = html(std::string_view(text).substr(begin, end - begin));
    out += line.find_first_not_of(' ') == line.find('#') && line.find('#') != line.npos ? "<i>" + line + "</i>" : line;
    begin = end;
  }
  return fmt::format("<pre class=\"yaml\">{}</pre>", out);
}

// A row for each name that some run has; with `differing_only` those alone that the runs do not agree on.
std::vector<Row> rows_of(Runs runs, bool differing_only,
                         const std::function<std::string(const RunData&, const std::string&)>& value_of,
                         const std::set<std::string>& names) {
  std::vector<Row> rows;
  for (const auto& name : names) {
    Row row{name, {}};
    std::set<std::string> values;
    for (const auto& run : runs) {
      row.cells.push_back({value_of(run, name)});
      values.insert(row.cells.back().text);
    }
    if (values.size() > 1 || !differing_only) rows.push_back(row);
  }
  return rows;
}

std::string config_differences(Runs runs) {
  std::set<std::string> keys;
  for (const auto& run : runs) {
    for (const auto& [name, value] : run.settings) keys.insert(name);
  }
  const auto rows = rows_of(runs, true, &RunData::setting, keys);
  return rows.empty() ? "<p><small>The configs are equal.</small></p>\n" : table(html_heads(runs), rows);
}

std::string mib(const Series& bytes) {
  return bytes.empty() ? "" : fmt::format("{:.1f}", bytes.back().value / (1 << 20));
}

// The last norms of every parameter.
std::string norms_of(const RunData& run) {
  const std::string prefix = "layers/layers/", ending = "/update";
  std::vector<Row> rows;
  double step = 0;
  for (const auto& [tag, series] : run.series) {
    if (!tag.starts_with(prefix) || !tag.ends_with(ending)) continue;
    const auto stem = tag.substr(0, tag.size() - ending.size());
    const auto last = [&](const char* norm) {
      const auto& values = run[stem + norm];
      return values.empty() ? 0 : values.back().value;
    };
    const double weight = last("/weight"), update = last("/update");
    step = series.back().step;
    rows.push_back({stem.substr(prefix.size()),
                    {{short_number(weight, 3)},
                     {short_number(last("/gradient"), 3)},
                     {short_number(update, 3)},
                     {weight > 0 ? short_number(update / weight, 3) : ""}}});
  }
  if (rows.empty()) return "";
  const auto title =
      fmt::format("{}<small>2-norms at step {}</small>", html(run.name), with_commas(static_cast<int64_t>(step)));
  return details(title, number_table({"weight", "gradient", "update", "update / weight"}, rows), false);
}

}  // namespace

std::string samples_section(Runs runs) {
  std::string out;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].samples.empty()) continue;
    if (runs.size() > 1) out += fmt::format("<h3>{}</h3>\n", html_name(runs, i));
    out += samples_of(runs[i]);
  }
  return section("Samples", out);
}

std::string config_section(Runs runs) {
  std::string out;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].config.empty()) continue;
    const auto title = runs.size() > 1 ? html_name(runs, i) : std::string("The resolved config");
    out += details(title, yaml(runs[i].config), false);
  }
  if (runs.size() > 1 && !out.empty()) out = config_differences(runs) + out;
  return section(runs.size() > 1 ? "Where the configs differ" : "Config", out);
}

std::string memory_section(Runs runs) {
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"parameters", "Parameters"},   {"gradients", "Gradients"}, {"moments", "Optimizer state"},
      {"activations", "Activations"}, {"head", "Head"},           {"total", "Planned in all"}};
  std::vector<Row> rows;
  bool any = false;
  const auto add = [&](const std::string& name, const std::string& tag) {
    rows.push_back({name, {}});
    for (const auto& run : runs) {
      rows.back().cells.push_back({mib(run[tag])});
      any = any || !run[tag].empty();
    }
  };
  for (const auto& [kind, name] : kinds) add(name, "memory/planned/" + kind);
  add("Grown in fact, at most", "memory/grown");
  auto heads = html_heads(runs);
  if (heads.empty()) heads = {"MiB"};
  return any ? section(runs.size() > 1 ? "Memory, MiB" : "Memory", number_table(heads, rows)) : "";
}

std::string norms_section(Runs runs) {
  std::string out;
  for (const auto& run : runs) out += norms_of(run);
  return section("Parameters", out);
}

std::string environment_section(Runs runs) {
  std::set<std::string> names;
  for (const auto& run : runs) {
    for (const auto& [name, value] : run.environment) names.insert(name);
  }
  const auto value_of = [](const RunData& run, const std::string& name) {
    for (const auto& [key, value] : run.environment) {
      if (key == name) return value;
    }
    return std::string();
  };
  if (names.empty()) return "";
  return section("Environment", table(html_heads(runs), rows_of(runs, false, value_of, names)));
}

}  // namespace slm
