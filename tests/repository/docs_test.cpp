// What the documents say exists.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <string>

#include "repository/repository.h"

namespace slm::testing {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> links_of(const fs::path& document) {
  static const std::regex kLink(R"(\]\(([^)\s]+)\))");
  return matches(text_of(document), kLink);
}

/// The subcommands that src/cli/commands.h declares.
std::set<std::string> subcommands() {
  static const std::regex kDeclaration(R"(void add_([a-z]+)\(CLI::App)");
  const auto names = matches(text_of("src/cli/commands.h"), kDeclaration);
  return {names.begin(), names.end()};
}

/// Every "slm <word>" that a document or a script shows as a command: after a backtick, at the start of a line, behind
/// a path (build/release/slm) or a variable ("$slm").
std::set<std::string> commands_shown_in(const fs::path& file) {
  static const std::regex kCommand(R"re((?:^|`|/|"?\$)slm"? ([a-z]+))re");
  std::set<std::string> shown;
  for (const std::string& line : lines_of(file)) {
    for (const std::string& name : matches(line, kCommand)) shown.insert(name);
  }
  return shown;
}

TEST(Documents, EveryRelativeLinkPointsToSomething) {
  for (const fs::path& document : files_with_extension(".md")) {
    for (const std::string& link : links_of(document)) {
      const std::string target = link.substr(0, link.find('#'));
      if (target.empty() || link.find("://") != link.npos) continue;
      EXPECT_TRUE(fs::exists(repository_root() / document.parent_path() / target)) << document << " links to " << link;
    }
  }
}

TEST(Documents, TheReadmeMapsEveryFolder) {
  std::set<std::string> folders;
  for (const fs::path& file : files_below("")) {
    const std::string top = file.begin()->string();
    if (file.has_parent_path() && !top.starts_with(".")) {
      folders.insert(top == "src" ? "src/" + std::next(file.begin())->string() : top);
    }
  }
  const auto links = links_of("README.md");
  for (const std::string& folder : folders) {
    EXPECT_NE(std::find(links.begin(), links.end(), folder), links.end()) << "README.md has no link to " << folder;
  }
}

TEST(Documents, EverySubcommandShownExists) {
  const auto known = subcommands();
  ASSERT_GT(known.size(), 4u);
  std::vector<fs::path> files = files_with_extension(".md");
  for (const fs::path& script : files_below("scripts")) files.push_back(script);
  for (const fs::path& file : files) {
    for (const std::string& name : commands_shown_in(file)) {
      EXPECT_TRUE(known.contains(name)) << file << " shows \"slm " << name << "\"";
    }
  }
}

TEST(Documents, TheReadmeShowsEverySubcommand) {
  const auto shown = commands_shown_in("README.md");
  for (const std::string& name : subcommands()) EXPECT_TRUE(shown.contains(name)) << name;
}

TEST(Repository, NamesNoFolderOfTheMachineItWasMadeOn) {
  const std::regex machine(
      "(/wo"
      "rk/|\\.\\./sha"
      "red|/ro"
      "ot/|/ho"
      "me/[a-z])");
  for (const fs::path& file : files_below("")) {
    const std::string text = text_of(file);
    if (text.find('\0') != text.npos) continue;  // not text
    for (const std::string& line : lines_of(file)) {
      EXPECT_TRUE(line.size() > 2000 || !std::regex_search(line, machine)) << file << ": " << line;
    }
  }
}

}  // namespace
}  // namespace slm::testing
