// What `data.train` and `data.validation` name: files, globs, the built-in corpus.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace slm {

enum class SourceKind {
  kText,     // .txt, UTF-8
  kTokens,   // .bin, a token file
  kStories,  // builtin:stories
};

struct Source {
  SourceKind kind;
  std::string path;  // as the config or the glob gives it
};

/// The files behind the entries, a glob's in the order of their names. Error (kData), beginning with `key`, where a
/// file is missing, a glob matches nothing, a kind is unknown or a file is named twice.
std::vector<Source> find_sources(const std::vector<std::string>& entries, std::string_view key);

/// What identifies a source's content; size and time of change are compared first, because hashing reads everything.
struct SourceState {
  std::string role;  // train, validation or tokenizer
  std::string path;
  int64_t bytes = 0;
  int64_t modified_ns = 0;  // as the file system counts; 0 for the built-in corpus
  std::string sha256;
};

/// Reads and hashes the source.
SourceState examine(const std::string& role, const Source& source);

/// Whether the source still is as in `state`. Hashes it only where its size is equal and its time differs.
bool is_unchanged(const SourceState& state, const Source& source);

/// The text of the built-in corpus for this role.
std::string stories_text(std::string_view role);

}  // namespace slm
