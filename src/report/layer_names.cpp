#include "report/layer_names.h"

#include <algorithm>
#include <charconv>

#include "config/suggest.h"
#include "core/block_index.h"
#include "core/error.h"
#include "core/glob.h"

namespace slm {
namespace {

bool ends_at_dot(const std::string& name, const std::string& ending) {
  return name == ending || name.ends_with("." + ending);
}

// The few names that are nearest to what was typed, with or without what all blocks' names begin with.
std::vector<std::string> nearest(std::vector<std::string> names, const std::string& typed) {
  constexpr size_t kShown = 3;
  const auto distance = [&](const std::string& name) {
    return std::min(edit_distance(typed, name), edit_distance(typed, short_layer_name(name)));
  };
  std::stable_sort(names.begin(), names.end(), [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
  names.resize(std::min(names.size(), kShown));
  return names;
}

}  // namespace

std::string short_layer_name(const std::string& name) {
  return name.starts_with(kBlockPrefix) ? name.substr(kBlockPrefix.size()) : name;
}

std::string layer_kind(const std::string& name) { return name.substr(name.rfind('.') + 1); }

std::vector<std::string> select_layers(const std::vector<std::string>& names, const std::string& pattern,
                                       const std::string& origin) {
  constexpr size_t kLongest = 200;  // nothing near is longer
  std::vector<std::string> found;
  const bool is_glob = pattern.find_first_of("*?") != std::string::npos;
  for (const auto& name : names) {
    const bool is_meant = is_glob ? glob_matches(pattern, name) || glob_matches(pattern, short_layer_name(name))
                                  : ends_at_dot(name, pattern);
    if (is_meant) found.push_back(name);
  }
  if (found.size() == 1 || (is_glob && !found.empty())) return found;
  if (found.empty()) {
    fail(ExitCode::kUsage, "{}: \"{}\" is none of the {} linear layers; the nearest are {}", origin,
         pattern.substr(0, kLongest), names.size(), fmt::join(nearest(names, pattern.substr(0, kLongest)), ", "));
  }
  fail(ExitCode::kUsage,
       "{0}: \"{1}\" is the end of {2} names, from {3} to {4}; write more of the name, or *{1} for all", origin,
       pattern, found.size(), found.front(), found.back());
}

}  // namespace slm
