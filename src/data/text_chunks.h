// Sources in chunks of about a megabyte, so that several threads can work on a text of any size in bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/chat/message.h"
#include "data/sources.h"
#include "data/token_file.h"
#include "data/tokenizer.h"

namespace slm {

/// Where a chunk begins. Chunks that are read from there on are the same whatever was read before.
struct ReadPosition {
  int64_t source = 0;  // of the list
  int64_t offset = 0;  // bytes of a text, ids of a token file, stories or conversations of a built-in corpus
};

/// A part of one source, cut where the tokenizer may be begun anew.
struct TextChunk {
  ReadPosition at;
  int64_t bytes = 0;                  // of the source
  bool begins = false, ends = false;  // a document: of a .txt; `begins` also of a .bin
  std::string text = {};              // of a .txt; whole lines of a .jsonl
  std::vector<int32_t> ids = {};      // of a .bin
  int64_t items = 0;                  // stories or conversations of a built-in corpus
};

/// Reads a list of sources from a position on, in order.
class ChunkReader {
 public:
  /// Without a tokenizer chunks are cut between characters, and token files are an error.
  ChunkReader(std::vector<Source> sources, std::string role, const Tokenizer* tokenizer, ReadPosition from = {});

  /// Nothing at the end. Error (kData) naming the file: unreadable, empty, damaged, not of the tokenizer, or without a
  /// place to cut in a gigabyte.
  std::optional<TextChunk> next();

 private:
  std::optional<TextChunk> next_text(const Source& source);
  std::optional<TextChunk> next_lines(const Source& source);
  std::optional<TextChunk> next_tokens(const Source& source);
  std::optional<TextChunk> next_of_builtin(const Source& source);
  std::string read_piece(const Source& source, const std::function<size_t(std::string_view)>& cut, bool& at_end);
  TextChunk advance(int64_t by, int64_t bytes);
  void go_to_next_source();

  std::vector<Source> sources_;
  std::string role_;
  const Tokenizer* tokenizer_;
  ReadPosition position_;
  std::unique_ptr<FileReader> text_;  // of the present source
  std::unique_ptr<TokenReader> tokens_;
};

/// A document or a part of one. `origin` begins the messages about it.
struct TextPiece {
  std::string_view text;
  std::string_view origin;
  bool begins = false, ends = false;
};

/// Calls `visit` for the pieces of a chunk of text (not of token files or conversations), in order. Error (kData)
/// naming file, line and column where a line is not a JSON object with a text, or of what `visit` throws about the
/// piece.
void for_each_piece(const TextChunk& chunk, const Source& source, std::string_view role,
                    const std::function<void(const TextPiece&)>& visit);

/// The same for a chunk of a source that holds conversations; `origin` is file:line. Errors as parse_conversation's.
void for_each_conversation(const TextChunk& chunk, const Source& source, std::string_view role,
                           const std::function<void(const Conversation&, std::string_view origin)>& visit);

/// Calls `visit` for every text of either kind of source: pieces, or the contents of messages; `origin` begins the
/// messages about it. Same errors.
void for_each_text(const TextChunk& chunk, const Source& source, std::string_view role,
                   const std::function<void(std::string_view text, std::string_view origin)>& visit);

}  // namespace slm
