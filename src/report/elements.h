// The parts that sections of a report are made of, as HTML. Texts named `html_…` stand on the page as they are, all
// others are escaped.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/run_data.h"
#include "report/summary.h"

namespace slm {

using Runs = std::span<const RunData>;

/// A square in a run's colour.
std::string colour_key(size_t run);

/// The name of a run behind its colour.
std::string html_name(Runs runs, size_t run);

/// The heads of a column for each run; none where there is only one.
std::vector<std::string> html_heads(Runs runs);

struct Cell {
  std::string text;
  std::string note = {};  // below it
};

struct Row {
  std::string name;
  std::vector<Cell> cells;
  std::string anchor = {};  // of the page, to which the name leads
};

/// A row's cells stand under `html_heads`, which may be empty.
std::string table(const std::vector<std::string>& html_heads, const std::vector<Row>& rows);
/// The same of numbers: aligned to the right, and no wider than they are.
std::string number_table(const std::vector<std::string>& html_heads, const std::vector<Row>& rows);
/// A long one, in a frame in which its heads stay at the top; `title` names the frame for those who do not see it.
std::string long_table(const std::string& title, const std::vector<std::string>& html_heads,
                       const std::vector<Row>& rows);

/// Each fact that has a value, as a tile.
std::string tiles(const std::vector<Fact>& facts);

/// "" where there is no content.
std::string section(const std::string& title, const std::string& html_content);

/// Content that a click on the summary shows and hides.
std::string details(const std::string& html_summary, const std::string& html_content, bool open);

}  // namespace slm
