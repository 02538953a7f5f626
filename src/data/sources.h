// What `data.train` and `data.validation` name: files, globs, standard input, the built-in corpus.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/data_config.h"

namespace slm {

enum class SourceKind {
  kText,           // .txt: one document
  kJsonLines,      // .jsonl: a document a line, in the key `text`
  kConversations,  // .jsonl: a conversation a line, in the key `messages`
  kTokens,         // .bin, a token file
  kRawTokens,      // uint16 ids without a header
  kStories,        // builtin:stories
  kQuestions,      // builtin:chat
};

/// The entry that stands for standard input.
inline constexpr std::string_view kStandardInput = "-";

struct Source {
  SourceKind kind;
  std::string path;       // as the config or the glob gives it
  std::string copy = {};  // of standard input, the file to which it was written
  size_t entry = 0;       // of the config, that named it

  bool is_standard_input() const { return path == kStandardInput; }
  bool is_builtin() const { return kind == SourceKind::kStories || kind == SourceKind::kQuestions; }
  bool holds_conversations() const { return kind == SourceKind::kConversations || kind == SourceKind::kQuestions; }
  bool is_tokens() const { return kind == SourceKind::kTokens || kind == SourceKind::kRawTokens; }
  /// Where its bytes lie.
  const std::string& file() const { return is_standard_input() ? copy : path; }
  /// What messages call it.
  std::string name() const { return is_standard_input() ? "standard input" : path; }
};

/// The files behind the entries, a glob's in the order of their names. Error (kData), beginning with `key`, where a
/// file is missing, a glob matches nothing, a kind is unknown or a file is named twice.
std::vector<Source> find_sources(const std::vector<TextSource>& entries, std::string_view key);

/// Whether a .jsonl file holds texts or conversations: what its first line does. Error (kData) where that has both.
SourceKind kind_of_lines(const std::string& path);

/// What identifies a source's content; size and time of change are compared first, because hashing reads everything.
struct SourceState {
  std::string role;  // train, validation or tokenizer
  std::string path;
  int64_t bytes = 0;
  int64_t modified_ns = 0;  // as the file system counts; 0 for standard input and the built-in corpus
  std::string sha256;

  bool operator==(const SourceState&) const = default;
};

/// Bytes of the source; for the built-in corpus those of the text of this role.
int64_t source_bytes(std::string_view role, const Source& source);

/// Reads and hashes the source; `on_bytes` hears how many bytes were read.
SourceState examine(const std::string& role, const Source& source,
                    const std::function<void(int64_t bytes)>& on_bytes = {});

/// Whether the source still is as in `state`. Hashes it only where its size is equal and its time differs.
bool is_unchanged(const SourceState& state, const Source& source);

/// Stories or conversations of a built-in corpus for this role: seed and how many.
struct BuiltinPart {
  uint64_t seed;
  int64_t count;
};
BuiltinPart builtin_part(SourceKind kind, std::string_view role);

}  // namespace slm
