// What the checks of the repository share: its files, and small readers of text.
#pragma once

#include <filesystem>
#include <regex>
#include <string>
#include <vector>

namespace slm::testing {

/// The folder that holds README.md.
std::filesystem::path repository_root();

/// Every regular file below `folder` (relative to the root; "" is the root), relative to the root and sorted, without
/// what git ignores: build folders, runs, downloads.
std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder);

/// Every file whose name ends in `extension` (".md").
std::vector<std::filesystem::path> files_with_extension(const std::string& extension);

/// A repository file's content and its lines.
std::string text_of(const std::filesystem::path& relative);
std::vector<std::string> lines_of(const std::filesystem::path& relative);

/// The first group of every match of `pattern` in `text`.
std::vector<std::string> matches(const std::string& text, const std::regex& pattern);

}  // namespace slm::testing
