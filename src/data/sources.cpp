#include "data/sources.h"

#include <glob.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/sha256.h"
#include "data/chat/questions.h"
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

SourceKind kind_of(const std::string& format) {
  static const std::map<std::string, SourceKind> kKinds = {{"txt", SourceKind::kText},
                                                           {"jsonl", SourceKind::kJsonLines},
                                                           {"bin", SourceKind::kTokens},
                                                           {"uint16", SourceKind::kRawTokens}};
  return kKinds.at(format);
}

SourceKind kind_of_name(const std::string& path, std::string_view key) {
  const std::string extension = std::filesystem::path(path).extension();
  for (const char* known : {"txt", "jsonl", "bin"}) {
    if (extension == fmt::format(".{}", known)) return kind_of(known);
  }
  fail(ExitCode::kData,
       "{}: {}: unknown kind of file; expected .txt (UTF-8 text), .jsonl (a text or a conversation a line), .bin "
       "(tokens), {} or {}, or say it: {{path: {}, format: txt}}",
       key, path, stories::kName, questions::kName, path);
}

Source make_source(const TextSource& entry, const std::string& path, std::string_view key) {
  if (path == kStandardInput) {
    const SourceKind kind = kind_of(entry.format.value_or("txt"));
    if (kind == SourceKind::kText || kind == SourceKind::kJsonLines) return {kind, path};
    fail(ExitCode::kData, "{}: -: standard input is read as txt or jsonl; found format {}", key, *entry.format);
  }
  const SourceKind kind = entry.format ? kind_of(*entry.format) : kind_of_name(path, key);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) fail(ExitCode::kData, "{}: {}: there is no such file", key, path);
  return {kind == SourceKind::kJsonLines ? kind_of_lines(path) : kind, path};
}

std::vector<Source> sources_of(const TextSource& entry, std::string_view key) {
  const std::string& path = entry.path;
  if (path == stories::kName) return {{SourceKind::kStories, path}};
  if (path == questions::kName) return {{SourceKind::kQuestions, path}};
  if (path.starts_with("builtin:")) {
    fail(ExitCode::kData, "{}: {}: unknown built-in corpus; there are {} and {}", key, path, stories::kName,
         questions::kName);
  }
  std::error_code error;
  if (!is_glob(path) || std::filesystem::exists(path, error)) return {make_source(entry, path, key)};
  std::vector<Source> sources;
  for (const std::string& match : expand_glob(path, key)) sources.push_back(make_source(entry, match, key));
  return sources;
}

int64_t modified_ns(const std::string& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  if (error) fail(ExitCode::kData, "{}: cannot be examined: {}", path, error.message());
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

std::string builtin_text(SourceKind kind, std::string_view role) {
  const auto [seed, count] = builtin_part(kind, role);
  return kind == SourceKind::kStories ? stories::text(seed, count) : questions::text(seed, count);
}

// The first line that is more than white space; empty where there is none in the first gigabyte.
std::string first_line(const std::string& path) {
  constexpr size_t kMost = size_t{1} << 30;
  constexpr const char* kWhiteSpace = " \t\r\n";
  const FileReader file(path);
  std::string line;
  uint64_t place = 0;
  for (size_t wanted = size_t{1} << 16; line.size() < kMost; wanted *= 2) {
    const size_t known = line.size();
    line.resize(known + wanted);
    const size_t got = file.read_at(place, std::as_writable_bytes(std::span(line.data() + known, wanted)));
    place += got;
    line.resize(known + got);
    line.erase(0, std::min(line.find_first_not_of(kWhiteSpace), line.size()));
    if (const size_t end = line.find('\n'); end != std::string::npos) return line.substr(0, end);
    if (got < wanted) return line;
  }
  return {};
}

}  // namespace

SourceKind kind_of_lines(const std::string& path) {
  // What is wrong with the line is told with its place when it is read.
  const auto json = nlohmann::json::parse(first_line(path), nullptr, false);
  if (!json.is_object() || !json.contains("messages")) return SourceKind::kJsonLines;
  if (!json.contains("text")) return SourceKind::kConversations;
  fail(ExitCode::kData, "{}: its first line has both \"text\" and \"messages\"; leave out what is not to be learned",
       path);
}

std::vector<Source> find_sources(const std::vector<TextSource>& entries, std::string_view key) {
  std::vector<Source> sources;
  std::set<std::string> paths;
  for (size_t entry = 0; entry < entries.size(); ++entry) {
    for (Source& source : sources_of(entries[entry], key)) {
      if (!paths.insert(source.path).second) fail(ExitCode::kData, "{}: {} is named twice", key, source.path);
      source.entry = entry;
      sources.push_back(std::move(source));
    }
  }
  return sources;
}

int64_t source_bytes(std::string_view role, const Source& source) {
  if (source.is_builtin()) return static_cast<int64_t>(builtin_text(source.kind, role).size());
  std::error_code error;
  const auto bytes = std::filesystem::file_size(source.file(), error);
  if (error) fail(ExitCode::kData, "{}: cannot be examined: {}", source.name(), error.message());
  return static_cast<int64_t>(bytes);
}

SourceState examine(const std::string& role, const Source& source, const std::function<void(int64_t)>& on_bytes) {
  SourceState state{.role = role, .path = source.path, .sha256 = {}};
  if (source.is_builtin()) {
    const std::string text = builtin_text(source.kind, role);
    state.bytes = static_cast<int64_t>(text.size());
    state.sha256 = sha256_hex(text);
    return state;
  }
  if (!source.is_standard_input()) state.modified_ns = modified_ns(source.path);  // first: a later change must show
  state.bytes = source_bytes(role, source);
  state.sha256 = sha256_of_file(source.file(), on_bytes);
  return state;
}

bool is_unchanged(const SourceState& state, const Source& source) {
  if (!source.is_builtin()) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(source.file(), error);
    if (error || static_cast<int64_t>(bytes) != state.bytes) return false;
    if (!source.is_standard_input() && modified_ns(source.path) == state.modified_ns) return true;
  }
  return examine(state.role, source).sha256 == state.sha256;
}

BuiltinPart builtin_part(SourceKind kind, std::string_view role) {
  const bool train = role == "train";
  if (kind == SourceKind::kStories) {
    if (train) return {stories::kTrainSeed, stories::kTrainStories};
    return {stories::kValidationSeed, stories::kValidationStories};
  }
  SLM_CHECK(kind == SourceKind::kQuestions);
  if (train) return {questions::kTrainSeed, questions::kTrainConversations};
  return {questions::kValidationSeed, questions::kValidationConversations};
}

}  // namespace slm
