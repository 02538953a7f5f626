// Text in columns that fits the width of a terminal.
#pragma once

#include <string>
#include <vector>

namespace slm {

/// How text is shown: for a terminal, or plainly for a pipe.
struct TextStyle {
  int width = 80;     // columns of letters
  bool rich = false;  // colours and characters beyond ASCII

  /// Text that stands out, and text that stands back; as it is where not rich.
  std::string strong(const std::string& text) const;
  std::string faint(const std::string& text) const;
};

struct TextColumn {
  std::string head;
  bool to_the_left = false;  // words; numbers stand to the right
  int rank = 0;  // where there is no room the columns of the highest rank are left out first; 0 always stays
};

class TextTable {
 public:
  explicit TextTable(std::vector<TextColumn> columns) : columns_(std::move(columns)) {}

  /// As many cells as columns, ASCII.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  /// A line of heads and one a row, no wider than the style's width where the columns of rank 0 fit into it.
  std::string text(const TextStyle& style) const;

 private:
  std::vector<TextColumn> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// `text` in lines of at most `width` letters, broken at spaces where there are any; each ends with a line feed.
std::string wrapped(const std::string& text, int width);

/// A bar of at most `width` letters for a share of 1. What is above 0 and too short for a letter still shows.
std::string text_bar(double share, int width, const TextStyle& style);

}  // namespace slm
