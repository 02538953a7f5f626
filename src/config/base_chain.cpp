#include "config/base_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "config/decode.h"
#include "config/file_header.h"
#include "core/error.h"
#include "core/file.h"

namespace slm {
namespace {

namespace fs = std::filesystem;

/// The path that a file's `base:` names, and where.
struct NamedBase {
  Location at;
  std::string path;
};

/// Nothing where the file has no base, or one that cannot be read, which is added to `problems`.
std::optional<NamedBase> base_of(const ConfigFile& file, BaseChain& chain, Problems& problems) {
  const auto& keys = file.root.keys;
  const auto key = std::find_if(keys.begin(), keys.end(), [](const auto& node) {
    return node.kind == YamlNode::Kind::kScalar && node.text == FileHeader::kBase;
  });
  if (key == keys.end()) return std::nullopt;
  const auto& value = file.root.items[static_cast<size_t>(key - keys.begin())];
  std::optional<std::string> base;
  if (value.kind == YamlNode::Kind::kRefused) {
    chain.complete = false;
  } else if (const auto problem = decode(value, NonEmpty{}, base)) {
    problems.add(problem->at, fmt::format("{}: {}", FileHeader::kBase, problem->text));
    chain.complete = false;
  }
  if (!base) return std::nullopt;
  return NamedBase{value.at, (fs::path(file.origin).parent_path() / *base).lexically_normal().string()};
}

bool same_file(const std::string& left, const std::string& right) {
  std::error_code ignored;
  return fs::weakly_canonical(left, ignored) == fs::weakly_canonical(right, ignored);
}

/// "b.yaml -> c.yaml -> b.yaml" where the chain already holds `path`, otherwise nothing.
std::optional<std::string> describe_cycle(const BaseChain& chain, const std::string& path) {
  const auto first = std::find_if(chain.files.begin(), chain.files.end(),
                                  [&](const auto& file) { return same_file(file.origin, path); });
  if (first == chain.files.end()) return std::nullopt;
  std::string text;
  for (auto file = first; file != chain.files.end(); ++file) text += file->origin + " -> ";
  return text + first->origin;
}

/// The text of the base, or nothing, with the reason in `problems`.
std::optional<std::string> read_base(const NamedBase& base, const BaseChain& chain, Problems& problems) {
  if (const auto cycle = describe_cycle(chain, base.path)) {
    problems.add(base.at, fmt::format("{}: leads back to where it came from: {}", FileHeader::kBase, *cycle));
    return std::nullopt;
  }
  try {
    return read_file(base.path);
  } catch (const Error& error) {
    problems.add(base.at, fmt::format("{}: {}; expected a config, relative to the folder of this file",
                                      FileHeader::kBase, error.what()));
    return std::nullopt;
  }
}

}  // namespace

BaseChain read_base_chain(std::string_view text, const std::string& origin, Problems& problems) {
  BaseChain chain;
  std::optional<std::string> next(text);
  std::string next_origin = origin;
  while (next) {
    problems.begin_file(next_origin);
    auto root = parse_yaml(*next, next_origin, /*has_lines=*/true, problems);
    if (!root) break;
    chain.files.push_back({next_origin, std::move(*next), std::move(*root)});
    const auto base = base_of(chain.files.back(), chain, problems);
    if (!base) return chain;
    next = read_base(*base, chain, problems);
    next_origin = base->path;
  }
  chain.complete = false;
  return chain;
}

}  // namespace slm
