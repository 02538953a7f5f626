// What holds of every page of slm's.
#pragma once

#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

namespace slm {

inline size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

// Every element that is opened is closed, in order; void ones of HTML and self-closed ones of SVG need no end.
inline testing::AssertionResult is_well_formed(const std::string& page) {
  static const std::regex kTag(R"(<(/?)([a-z0-9]+)((?:\s+[a-z0-9-]+(?:="[^"<]*")?)*)\s*(/?)>)", std::regex::icase);
  const auto style_begin = page.find("<style>") + 7, style_end = page.find("</style>");
  const std::string text = page.substr(15, style_begin - 15) + page.substr(style_end);  // behind <!DOCTYPE html>
  std::vector<std::string> open;
  size_t tags = 0;
  for (std::sregex_iterator tag(text.begin(), text.end(), kTag), end; tag != end; ++tag, ++tags) {
    const std::string name = (*tag)[2];
    if ((*tag)[4].length() > 0 || name == "meta" || name == "link" || name == "br") continue;
    if ((*tag)[1].length() == 0) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return testing::AssertionFailure() << "</" << name << "> closes " << (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  if (!open.empty()) return testing::AssertionFailure() << "<" << open.back() << "> stays open";
  const size_t brackets = count(text, "<");
  if (brackets != tags) return testing::AssertionFailure() << brackets << " brackets, but " << tags << " tags";
  return testing::AssertionSuccess();
}

}  // namespace slm
