#include "model/freeze.h"

#include <algorithm>

#include "config/suggest.h"
#include "core/error.h"
#include "core/glob.h"
#include "model/hugging_face/tensor_layout.h"

namespace slm {
namespace {

constexpr const char* kHead = "lm_head.weight";

// What a person may have meant: every parameter by its name, and every module with `.*`; layers' numbers as well as
// `*`.
std::vector<std::string> suggestions(const std::vector<std::string>& names) {
  std::set<std::string> all;
  for (const auto& name : names) {
    std::vector<std::string> prefixes{""};
    for (size_t begin = 0; begin < name.size();) {
      const size_t end = std::min(name.find('.', begin), name.size());
      const auto piece = name.substr(begin, end - begin);
      const bool is_number = piece.find_first_not_of("0123456789") == std::string::npos;
      for (size_t i = 0, count = prefixes.size(); i < count; ++i) {
        if (is_number) prefixes.push_back(prefixes[i] + "*.");
        prefixes[i] += piece + ".";
      }
      for (const auto& prefix : prefixes) {
        all.insert(end == name.size() ? prefix.substr(0, prefix.size() - 1) : prefix + "*");
      }
      begin = end + 1;
    }
  }
  return {all.begin(), all.end()};
}

[[noreturn]] void fail_unmatched(const TransformerConfig& config, const std::string& glob,
                                 const std::vector<std::string>& names) {
  if (config.tie_embeddings && glob_matches(glob, kHead)) {
    fail(ExitCode::kUsage, "freeze: '{}' matches no parameter: the head is tied, so freeze {} instead", glob, names[0]);
  }
  const auto is_inside = [&](const std::string& name) { return glob_matches(glob + ".*", name); };
  const bool is_module = std::any_of(names.begin(), names.end(), is_inside);
  const auto near = is_module ? glob + ".*" : nearest_name(glob, suggestions(names));
  fail(ExitCode::kUsage, "freeze: '{}' matches no parameter{}", glob,
       near ? fmt::format("; did you mean {}?", *near) : fmt::format("; the first of the model is {}", names[0]));
}

}  // namespace

std::set<std::string> frozen_parameters(const TransformerConfig& config, const std::vector<std::string>& globs) {
  const auto names = parameter_names(config);
  std::set<std::string> frozen;
  for (const auto& glob : globs) {
    bool matches = false;
    for (const auto& name : names) {
      if (!glob_matches(glob, name)) continue;
      frozen.insert(name);
      matches = true;
    }
    if (!matches) fail_unmatched(config, glob, names);
  }
  if (frozen.size() == names.size()) {
    fail(ExitCode::kUsage, "freeze: [{}] leaves no parameter to train", fmt::join(globs, ", "));
  }
  return frozen;
}

}  // namespace slm
