// A chunk of a source as tokens.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "data/text_chunks.h"
#include "data/token_span.h"
#include "data/tokenizer.h"

namespace slm {

struct EncodedChunk {
  ReadPosition at;
  int64_t bytes = 0;  // of the source
  std::vector<int32_t> ids;
  std::vector<int64_t> starts;           // places among them where documents begin, ascending
  int64_t empty_documents = 0;           // which are left out
  std::vector<TokenSpan> unscored = {};  // what carries no loss as a target: all of a conversation but the answers
};

/// Each document is followed by the tokenizer's end of text, where it has one. Errors as for_each_piece's and
/// for_each_conversation's.
EncodedChunk encode_chunk(TextChunk chunk, const Source& source, std::string_view role, const Tokenizer& tokenizer);

}  // namespace slm
