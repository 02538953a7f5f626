#include "data/sources.h"

#include <glob.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"
#include "data/stories/stories.h"

namespace slm {
namespace {

bool is_glob(const std::string& entry) { return entry.find_first_of("*?[") != std::string::npos; }

// The files that match, in the order of their bytes.
std::vector<std::string> expand_glob(const std::string& pattern, std::string_view key) {
  glob_t matches{};
  const int result = ::glob(pattern.c_str(), GLOB_ERR, nullptr, &matches);
  std::vector<std::string> paths;
  if (result == 0) paths.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  ::globfree(&matches);
  if (result == GLOB_NOMATCH) fail(ExitCode::kData, "{}: no file matches {}", key, pattern);
  if (result != 0) fail(ExitCode::kData, "{}: {}: a folder of this pattern cannot be read", key, pattern);
  std::sort(paths.begin(), paths.end());
  return paths;
}

Source make_source(const std::string& path, std::string_view key) {
  const std::string extension = std::filesystem::path(path).extension();
  if (extension != ".txt" && extension != ".bin") {
    fail(ExitCode::kData, "{}: {}: unknown kind of file; expected .txt (UTF-8 text), .bin (tokens) or {}", key, path,
         stories::kName);
  }
  std::error_code error;
  if (!std::filesystem::exists(path, error)) fail(ExitCode::kData, "{}: {}: there is no such file", key, path);
  return {extension == ".txt" ? SourceKind::kText : SourceKind::kTokens, path};
}

int64_t modified_ns(const std::string& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  if (error) fail(ExitCode::kData, "{}: cannot be examined: {}", path, error.message());
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

std::vector<Source> find_sources(const std::vector<std::string>& entries, std::string_view key) {
  std::vector<Source> sources;
  const auto add = [&](const Source& source) {
    const auto same = [&](const Source& other) { return other.path == source.path; };
    if (std::any_of(sources.begin(), sources.end(), same)) {
      fail(ExitCode::kData, "{}: {} is named twice", key, source.path);
    }
    sources.push_back(source);
  };
  for (const std::string& entry : entries) {
    if (entry == stories::kName) {
      add({SourceKind::kStories, entry});
    } else if (entry.starts_with("builtin:")) {
      fail(ExitCode::kData, "{}: {}: unknown built-in corpus; there is {}", key, entry, stories::kName);
    } else if (std::error_code error; is_glob(entry) && !std::filesystem::exists(entry, error)) {
      for (const std::string& path : expand_glob(entry, key)) add(make_source(path, key));
    } else {
      add(make_source(entry, key));
    }
  }
  return sources;
}

SourceState examine(const std::string& role, const Source& source) {
  SourceState state{.role = role, .path = source.path, .sha256 = {}};
  if (source.kind == SourceKind::kStories) {
    const std::string text = stories_text(role);
    state.bytes = static_cast<int64_t>(text.size());
    state.sha256 = sha256_hex(text);
    return state;
  }
  state.modified_ns = modified_ns(source.path);  // before reading: a later change must show
  const MappedFile file(source.path);
  state.bytes = static_cast<int64_t>(file.bytes().size());
  state.sha256 = sha256_hex(file.bytes());
  return state;
}

bool is_unchanged(const SourceState& state, const Source& source) {
  if (source.kind != SourceKind::kStories) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(source.path, error);
    if (error || static_cast<int64_t>(bytes) != state.bytes) return false;
    if (modified_ns(source.path) == state.modified_ns) return true;
  }
  return examine(state.role, source).sha256 == state.sha256;
}

std::string stories_text(std::string_view role) {
  return role == "train" ? stories::text(stories::kTrainSeed, stories::kTrainStories)
                         : stories::text(stories::kValidationSeed, stories::kValidationStories);
}

}  // namespace slm
