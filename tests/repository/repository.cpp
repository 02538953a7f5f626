#include "repository/repository.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "core/file.h"

namespace slm::testing {

namespace fs = std::filesystem;

fs::path repository_root() { return SLM_SOURCE_DIR; }

std::vector<fs::path> files_below(const fs::path& folder) {
  static const std::set<std::string> kIgnored = {".git", ".deps", "build", "runs", "__pycache__", ".cache"};
  std::vector<fs::path> found;
  fs::recursive_directory_iterator entries(repository_root() / folder);
  for (auto entry = begin(entries); entry != end(entries); ++entry) {
    if (entry->is_directory() && kIgnored.contains(entry->path().filename().string())) {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file() && entry->path().extension() != ".swp") {
      found.push_back(fs::relative(entry->path(), repository_root()));
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<fs::path> files_with_extension(const std::string& extension) {
  std::vector<fs::path> found = files_below("");
  std::erase_if(found, [&](const fs::path& path) { return path.extension() != extension; });
  return found;
}

std::string text_of(const fs::path& relative) { return read_file(repository_root() / relative); }

std::vector<std::string> lines_of(const fs::path& relative) {
  std::istringstream in(text_of(relative));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
    found.push_back((*match)[1]);
  }
  return found;
}

}  // namespace slm::testing
