// Whatever single slip of the fingers in a key: it is refused, and the key that was meant is suggested.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "config/describe.h"
#include "config/minimal_config.h"

namespace slm {
namespace {

/// What one deletion, swap of neighbours, replacement or insertion makes of a word, without the words of `known`.
std::set<std::string> typos_of(const std::string& word, const std::set<std::string>& known) {
  const std::string alphabet = "aeinorst_1X.";
  std::set<std::string> typos;
  for (size_t i = 0; i <= word.size(); ++i) {
    for (const char c : alphabet) {
      typos.insert(word.substr(0, i) + c + word.substr(i));
      if (i < word.size()) typos.insert(word.substr(0, i) + c + word.substr(i + 1));
    }
    if (i < word.size()) typos.insert(word.substr(0, i) + word.substr(i + 1));
    if (i + 1 < word.size()) typos.insert(word.substr(0, i) + word[i + 1] + word[i] + word.substr(i + 2));
  }
  std::erase_if(typos, [&](const auto& typo) { return typo.empty() || known.contains(typo); });
  return typos;
}

struct Count {
  int64_t typos = 0, refused = 0, right = 0;
};

/// Counts the lines "...: KEY: unknown key; did you mean MEANT?" for the typos, which stood in one config together.
void count(const std::string& message, const std::set<std::string>& typos, const std::string& meant, Count& counts) {
  std::map<std::string, std::string> suggestion;
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);) {
    const auto end = line.find(": unknown key");
    if (end == std::string::npos) continue;
    const auto begin = line.rfind(": ", end - 1) + 2;
    const std::string asks = ": unknown key; did you mean ";
    const bool asked = line.compare(end, asks.size(), asks) == 0;
    suggestion[line.substr(begin, end - begin)] = asked ? line.substr(end + asks.size()) : "";
  }
  for (const auto& typo : typos) {
    ++counts.typos;
    const auto found = suggestion.find(typo);
    if (found == suggestion.end()) {
      ADD_FAILURE() << meant << " written as " << typo << " was not refused";
      continue;
    }
    ++counts.refused;
    counts.right += found->second == meant + "?";
  }
}

void report(const char* where, const Count& counts) {
  const double share = static_cast<double>(counts.right) / static_cast<double>(counts.typos);
  std::printf("%s: %ld typos, %ld refused, %ld with the right suggestion (%.2f %%)\n", where, counts.typos,
              counts.refused, counts.right, 100 * share);
  EXPECT_EQ(counts.refused, counts.typos);
  EXPECT_GE(share, 0.95);
}

/// Every key with its blocks and `base`.
std::set<std::string> known_names() {
  std::set<std::string> names;
  for (const auto& field : list_file_keys()) {
    names.insert(field.key);
    if (const auto block = block_of(field.key); !block.empty()) names.insert(block);
  }
  return names;
}

TEST(ConfigTypos, EveryOneInAFileIsRefusedAndTheRightKeySuggested) {
  const auto known = known_names();
  Count counts;
  for (const auto& meant : known) {
    const auto block = block_of(meant);
    const auto leaf = block.empty() ? meant : meant.substr(block.size() + 1);
    std::set<std::string> taken;  // the names beside it, as they stand in its block
    for (const auto& name : known) {
      if (block_of(name) == block) taken.insert(block.empty() ? name : name.substr(block.size() + 1));
    }
    std::string text = block.empty() ? "" : block + ":\n";
    std::set<std::string> typos;
    for (const auto& typo : typos_of(leaf, taken)) {
      // A key of a block, written in full outside of it, has a message of its own.
      if (block.empty() && known.contains(typo)) continue;
      typos.insert(block.empty() ? typo : block + "." + typo);
      text += (block.empty() ? "\"" : "  \"") + typo + "\": 1\n";
    }
    count(message_for(text), typos, meant, counts);
  }
  report("files", counts);
}

TEST(ConfigTypos, EveryOneInAnOverrideIsRefusedAndTheRightKeySuggested) {
  const auto known = known_names();
  Count counts;
  for (const auto& meant : config_keys()) {
    const auto typos = typos_of(meant, known);
    std::vector<std::string> overrides;
    for (const auto& typo : typos) overrides.push_back(typo + "=1");
    count(message_with("", overrides), typos, meant, counts);
  }
  report("overrides", counts);
}

}  // namespace
}  // namespace slm
