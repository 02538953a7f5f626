// The sources keep to the ladder that CONTRIBUTING.md draws.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <string>

#include "repository/repository.h"

namespace slm::testing {
namespace {

namespace fs = std::filesystem;

struct Rung {
  int level = 0;
  bool torch_free = false;
};

/// Folder of src/ to its rung, from the table's rows "| 2 | `src/data` | ... | no |".
std::map<std::string, Rung> read_ladder() {
  static const std::regex kRow(R"(^\| (\d+) \| `src/([a-z_]+)` \|.*\| ([a-z ]+) \|$)");
  std::map<std::string, Rung> ladder;
  for (const std::string& line : lines_of("CONTRIBUTING.md")) {
    std::smatch row;
    if (std::regex_match(line, row, kRow)) ladder[row[2]] = {.level = std::stoi(row[1]), .torch_free = row[3] == "no"};
  }
  return ladder;
}

/// "src/data/bpe/merge.cpp" gives "data".
std::string folder_of(const fs::path& source) { return std::next(source.begin())->string(); }

/// What the file includes, quoted and bracketed alike.
std::vector<std::string> includes_of(const fs::path& source) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*["<]([^">]+)[">])");
  std::vector<std::string> found;
  for (const std::string& line : lines_of(source)) {
    for (const std::string& include : matches(line, kInclude)) found.push_back(include);
  }
  return found;
}

bool is_torch(const std::string& include) {
  return include.starts_with("torch/") || include.starts_with("ATen/") || include.starts_with("c10/");
}

TEST(Ladder, NamesEveryFolderOfTheSourcesAndNoOther) {
  std::set<std::string> in_table, on_disk;
  for (const auto& [folder, rung] : read_ladder()) in_table.insert(folder);
  for (const fs::path& source : files_below("src")) on_disk.insert(folder_of(source));
  EXPECT_EQ(in_table, on_disk);
}

TEST(Ladder, IncludesNeverPointUp) {
  const auto ladder = read_ladder();
  ASSERT_GT(ladder.size(), 8u);
  for (const fs::path& source : files_below("src")) {
    const std::string own = folder_of(source);
    for (const std::string& include : includes_of(source)) {
      const auto target = ladder.find(include.substr(0, include.find('/')));
      if (target == ladder.end() || target->first == own) continue;
      EXPECT_LT(target->second.level, ladder.at(own).level) << source << " includes " << include;
    }
  }
}

TEST(Ladder, TorchStaysOutOfTheTorchFreeFoldersAndOfDeviceKernels) {
  const auto ladder = read_ladder();
  for (const fs::path& source : files_below("src")) {
    const std::string path = source.generic_string();
    const bool device_kernel = path.starts_with("src/kernels/cpu/") || path.starts_with("src/kernels/cuda/");
    if (!ladder.at(folder_of(source)).torch_free && !device_kernel) continue;
    for (const std::string& include : includes_of(source)) {
      EXPECT_FALSE(is_torch(include)) << path << " includes " << include;
    }
  }
}

TEST(Ladder, NobodyIncludesAnUmbrellaHeaderOfTorch) {
  const std::set<std::string> umbrellas = {"torch/torch.h", "torch/all.h", "torch/extension.h", "ATen/ATen.h"};
  for (const fs::path& source : files_below("src")) {
    for (const std::string& include : includes_of(source)) {
      EXPECT_FALSE(umbrellas.contains(include)) << source << " includes " << include;
    }
  }
}

}  // namespace
}  // namespace slm::testing
