#include "report/elements.h"

#include <fmt/format.h>

#include "report/html.h"

namespace slm {
namespace {

std::string table_inside(const std::vector<std::string>& html_heads, const std::vector<Row>& rows) {
  std::string out;
  if (!html_heads.empty()) {
    out += "<thead><tr><th></th>";
    for (const auto& head : html_heads) out += fmt::format("<th>{}</th>", head);
    out += "</tr></thead>";
  }
  out += "<tbody>";
  for (const auto& [name, cells, anchor] : rows) {
    out += anchor.empty() ? fmt::format("<tr><th>{}</th>", html(name))
                          : fmt::format("<tr><th><a href=\"#{}\">{}</a></th>", html(anchor), html(name));
    for (const auto& [text, note] : cells) {
      out += "<td>" + html(text) + (note.empty() ? "" : fmt::format("<small>{}</small>", html(note))) + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody>";
}

}  // namespace

std::string colour_key(size_t run) { return fmt::format("<span class=\"key s{}\"></span>", run + 1); }

std::string html_name(Runs runs, size_t run) { return colour_key(run) + html(runs[run].name); }

std::vector<std::string> html_heads(Runs runs) {
  std::vector<std::string> heads;
  for (size_t i = 0; i < runs.size() && runs.size() > 1; ++i) heads.push_back(html_name(runs, i));
  return heads;
}

std::string table(const std::vector<std::string>& html_heads, const std::vector<Row>& rows) {
  return fmt::format("<div class=\"card\"><table>{}</table></div>\n", table_inside(html_heads, rows));
}

std::string number_table(const std::vector<std::string>& html_heads, const std::vector<Row>& rows) {
  return fmt::format("<div class=\"card fitted\"><table class=\"numbers\">{}</table></div>\n",
                     table_inside(html_heads, rows));
}

std::string long_table(const std::string& title, const std::vector<std::string>& html_heads,
                       const std::vector<Row>& rows) {
  return fmt::format(
      "<div class=\"card tall\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table class=\"numbers\">{}</table>"
      "</div>\n",
      html(title), table_inside(html_heads, rows));
}

std::string tiles(const std::vector<Fact>& facts) {
  std::string out;
  for (const auto& [name, value, note] : facts) {
    if (value.empty()) continue;
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd><dd>{}</dd></div>\n", name, html(value), html(note));
  }
  return fmt::format("<dl class=\"tiles\">\n{}</dl>\n", out);
}

std::string section(const std::string& title, const std::string& html_content) {
  if (html_content.empty()) return "";
  return fmt::format("<section><h2>{}</h2>\n{}</section>\n", html(title), html_content);
}

std::string details(const std::string& html_summary, const std::string& html_content, bool open) {
  return fmt::format("<details{}><summary>{}</summary>{}</details>\n", open ? " open" : "", html_summary, html_content);
}

}  // namespace slm
