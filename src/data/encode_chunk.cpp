#include "data/encode_chunk.h"

#include <utility>

#include "data/chat/chat_template.h"

namespace slm {
namespace {

// A token file has its own ends of text.
void find_documents(const TextChunk& chunk, const Tokenizer& tokenizer, EncodedChunk& encoded) {
  if (chunk.begins) encoded.starts.push_back(0);
  const auto end = tokenizer.end_of_text();
  if (!end) return;
  for (size_t i = 1; i < encoded.ids.size(); ++i) {
    if (encoded.ids[i - 1] == *end) encoded.starts.push_back(static_cast<int64_t>(i));
  }
}

void encode_piece(const TextPiece& piece, const Tokenizer& tokenizer, EncodedChunk& encoded) {
  if (piece.begins && piece.ends && piece.text.empty()) {
    ++encoded.empty_documents;
    return;
  }
  if (piece.begins) encoded.starts.push_back(static_cast<int64_t>(encoded.ids.size()));
  const std::vector<int32_t> ids = tokenizer.encode(piece.text, piece.origin);
  encoded.ids.insert(encoded.ids.end(), ids.begin(), ids.end());
  const auto end = tokenizer.end_of_text();
  if (piece.ends && end) encoded.ids.push_back(*end);
}

void encode_conversation(const Conversation& conversation, std::string_view origin, const Tokenizer& tokenizer,
                         const ChatTokens& tokens, EncodedChunk& encoded) {
  const auto begin = static_cast<int64_t>(encoded.ids.size());
  encoded.starts.push_back(begin);
  auto [ids, unscored] = encode_conversation(conversation, tokenizer, tokens, origin);
  encoded.ids.insert(encoded.ids.end(), ids.begin(), ids.end());
  for (const TokenSpan& span : unscored) append_span(encoded.unscored, {begin + span.begin, begin + span.end});
  if (const auto end = tokenizer.end_of_text()) {
    const auto place = static_cast<int64_t>(encoded.ids.size());
    encoded.ids.push_back(*end);
    append_span(encoded.unscored, {place, place + 1});
  }
}

}  // namespace

EncodedChunk encode_chunk(TextChunk chunk, const Source& source, std::string_view role, const Tokenizer& tokenizer) {
  EncodedChunk encoded{.at = chunk.at, .bytes = chunk.bytes, .ids = std::move(chunk.ids), .starts = {}};
  if (source.is_tokens()) {
    find_documents(chunk, tokenizer, encoded);
    return encoded;
  }
  if (source.holds_conversations()) {
    const ChatTokens tokens = need_chat_tokens(tokenizer, source.name());
    for_each_conversation(chunk, source, role, [&](const Conversation& conversation, std::string_view origin) {
      encode_conversation(conversation, origin, tokenizer, tokens, encoded);
    });
    return encoded;
  }
  for_each_piece(chunk, source, role, [&](const TextPiece& piece) { encode_piece(piece, tokenizer, encoded); });
  return encoded;
}

}  // namespace slm
