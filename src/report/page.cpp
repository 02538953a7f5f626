#include "report/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "report/charts.h"
#include "report/html.h"
#include "report/sections.h"
#include "report/shell.h"
#include "report/summary.h"

namespace slm {
namespace {

std::string state(const RunData& run) {
  return run.finished ? "<span class=\"state done\">finished</span>" : "<span class=\"state open\">not finished</span>";
}

// --- the head of the page ---

std::string header_of_one(const RunData& run) {
  std::string out = fmt::format("<h1>{}</h1>\n<p>{} {}", html(run.name), progress_of(run), state(run));
  if (const auto shape = shape_of(run); !shape.empty()) out += "<br>" + html(shape);
  out += "</p>\n";
  const auto share = share_done(run);
  if (!run.finished && share) {
    out += fmt::format("<div class=\"progress\"><div style=\"width:{:.1f}%\"></div></div>\n", 100 * *share);
  }
  return out;
}

std::string header_of_several(Runs runs) {
  std::string names, lines;
  for (size_t i = 0; i < runs.size(); ++i) {
    names += (i > 0 ? " <span class=\"versus\">and</span> " : "") + html(runs[i].name);
    lines += fmt::format("<p><b>{}</b> \u00b7 {} {} \u00b7 {}</p>\n", html_name(runs, i), progress_of(runs[i]),
                         state(runs[i]), html(shape_of(runs[i])));
  }
  return fmt::format("<h1>{}</h1>\n{}", names, lines);
}

// --- the facts ---

std::string fact_table(Runs runs) {
  std::vector<Row> rows;
  for (const auto& run : runs) {
    const auto facts = facts_of(run);
    rows.resize(facts.size());
    for (size_t i = 0; i < facts.size(); ++i) {
      rows[i].name = facts[i].name;
      rows[i].cells.push_back({facts[i].value, facts[i].note});
    }
  }
  std::erase_if(rows, [](const Row& row) {
    return std::all_of(row.cells.begin(), row.cells.end(), [](const Cell& cell) { return cell.text.empty(); });
  });
  return section("In short", table(html_heads(runs), rows));
}

std::string title_of(Runs runs) {
  std::string title;
  for (const auto& run : runs) title += (title.empty() ? "" : " and ") + run.name;
  return title;
}

}  // namespace

std::string report_page(Runs runs) {
  SLM_CHECK(!runs.empty() && runs.size() <= kMostReportRuns);
  const bool one = runs.size() == 1;
  const std::string body =
      fmt::format("<header>\n{}</header>\n{}", one ? header_of_one(runs[0]) : header_of_several(runs),
                  one ? tiles(facts_of(runs[0])) : fact_table(runs)) +
      fmt::format("<div class=\"charts\">\n{}</div>\n", charts_of(runs)) + samples_section(runs) +
      config_section(runs) + memory_section(runs) + norms_section(runs) + environment_section(runs);
  return html_page(title_of(runs), body,
                   fmt::format("Made by slm {} from metrics.jsonl. Values show under the pointer.", SLM_VERSION));
}

}  // namespace slm
