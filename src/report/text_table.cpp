#include "report/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace slm {
namespace {

// Which columns stay under a limit on their rank, how wide they are, and together without gaps.
struct Layout {
  std::vector<size_t> columns;
  std::vector<size_t> widths;
  size_t letters = 0;

  size_t width(size_t gap) const { return letters + gap * (columns.size() - 1); }
};

}  // namespace

std::string TextStyle::strong(const std::string& text) const { return rich ? "\033[1m" + text + "\033[0m" : text; }
std::string TextStyle::faint(const std::string& text) const { return rich ? "\033[2m" + text + "\033[0m" : text; }

std::string TextTable::text(const TextStyle& style) const {
  const auto layout_up_to = [&](int rank) {
    Layout layout;
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (columns_[c].rank > rank) continue;
      size_t width = columns_[c].head.size();
      for (const auto& row : rows_) width = std::max(width, row[c].size());
      layout.columns.push_back(c);
      layout.widths.push_back(width);
      layout.letters += width;
    }
    return layout;
  };
  int rank = 0;
  for (const auto& column : columns_) rank = std::max(rank, column.rank);
  const auto room = static_cast<size_t>(style.width);
  auto layout = layout_up_to(rank);
  while (rank > 0 && layout.width(1) > room) layout = layout_up_to(--rank);
  const size_t gap = layout.width(2) <= room ? 2 : 1;

  const auto line = [&](const auto& cell_of) {
    std::string text;
    for (size_t i = 0; i < layout.columns.size(); ++i) {
      const std::string& cell = cell_of(layout.columns[i]);
      if (i > 0) text.append(gap, ' ');
      text += columns_[layout.columns[i]].to_the_left ? fmt::format("{:<{}}", cell, layout.widths[i])
                                                      : fmt::format("{:>{}}", cell, layout.widths[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  };
  std::string text = style.strong(line([&](size_t c) -> const std::string& { return columns_[c].head; })) + "\n";
  for (const auto& row : rows_) text += line([&](size_t c) -> const std::string& { return row[c]; }) + "\n";
  return text;
}

std::string wrapped(const std::string& text, int width) {
  const auto most = static_cast<size_t>(width);
  std::string out;
  size_t begin = 0;
  while (text.size() - begin > most) {
    size_t end = text.rfind(' ', begin + most);
    if (end == std::string::npos || end <= begin) end = text.find(' ', begin);  // a word longer than a line
    if (end == std::string::npos) break;
    out += text.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return out + text.substr(begin) + "\n";
}

std::string text_bar(double share, int width, const TextStyle& style) {
  if (!(share > 0) || width <= 0) return "";  // NaN as well
  const double length = std::min(share, 1.0) * width;
  if (!style.rich) {
    const auto letters = static_cast<size_t>(std::lround(length));
    return letters > 0 ? std::string(letters, '#') : ".";
  }
  constexpr std::array kEighths = {"", "\u258F", "\u258E", "\u258D", "\u258C", "\u258B", "\u258A", "\u2589"};
  const auto eighths = std::max<size_t>(1, static_cast<size_t>(std::lround(8 * length)));
  std::string bar;
  for (size_t i = 0; i < eighths / 8; ++i) bar += "\u2588";
  return bar + kEighths[eighths % 8];
}

}  // namespace slm
