#include "data/text_chunks.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "data/chat/questions.h"
#include "data/stories/stories.h"
#include "data/text_error.h"
#include "data/utf8.h"

namespace slm {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 20;
constexpr size_t kLongestPiece = size_t{1} << 30;  // without a place to cut
constexpr int64_t kChunkTokens = int64_t{1} << 18;
constexpr int64_t kChunkItems = 500;

size_t after_last_line(std::string_view text) { return text.rfind('\n') + 1; }  // npos + 1 is 0

// The key `text` of one line.
std::string text_of_line(const nlohmann::json& json, const std::string& origin) {
  if (!json.is_object()) {
    fail(ExitCode::kData, "{}: found {}, expected an object {{\"text\": ...}}", origin, json.type_name());
  }
  const auto text = json.find("text");
  if (text == json.end()) {
    fail(ExitCode::kData, "{}: the key \"text\" is missing; expected {{\"text\": ...}}{}", origin,
         json.contains("messages") ? " as in the file's first line; put conversations into a file of their own" : "");
  }
  if (!text->is_string()) {
    fail(ExitCode::kData, "{}: text: found {}, expected text", origin, text->type_name());
  }
  return text->get<std::string>();
}

using LineVisitor = std::function<void(const nlohmann::json& line, const std::string& origin)>;

// Lines of white space alone are passed over.
void for_each_line_from(size_t first_line, std::string_view text, const std::string& file, const LineVisitor& visit) {
  size_t number = first_line;
  for (size_t begin = 0; begin < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    visit(parse_json(line, file, {.max_bytes = kLongestPiece}, number), fmt::format("{}:{}", file, number));
  }
}

// What stands before the chunk is counted only where a message needs it.
void for_each_line(const TextChunk& chunk, const Source& source, const LineVisitor& visit) {
  try {
    for_each_line_from(1, chunk.text, source.name(), visit);
  } catch (const Error&) {
    const auto first_line = static_cast<size_t>(place_in_file(source.file(), chunk.at.offset).line);
    for_each_line_from(first_line, chunk.text, source.name(), visit);
    throw;
  }
}

void for_each_story(const TextChunk& chunk, std::string_view role, const std::function<void(const TextPiece&)>& visit) {
  const uint64_t seed = builtin_part(SourceKind::kStories, role).seed;
  for (int64_t i = chunk.at.offset; i < chunk.at.offset + chunk.items; ++i) {
    const std::string story = stories::story(seed, i).text;
    visit({story, stories::kName, true, true});
  }
}

}  // namespace

ChunkReader::ChunkReader(std::vector<Source> sources, std::string role, const Tokenizer* tokenizer, ReadPosition from)
    : sources_(std::move(sources)), role_(std::move(role)), tokenizer_(tokenizer), position_(from) {}

std::optional<TextChunk> ChunkReader::next() {
  while (position_.source < static_cast<int64_t>(sources_.size())) {
    const Source& source = sources_[static_cast<size_t>(position_.source)];
    std::optional<TextChunk> chunk;
    if (source.kind == SourceKind::kText) chunk = next_text(source);
    if (source.kind == SourceKind::kJsonLines || source.kind == SourceKind::kConversations) chunk = next_lines(source);
    if (source.is_tokens()) chunk = next_tokens(source);
    if (source.is_builtin()) chunk = next_of_builtin(source);
    if (chunk) return chunk;
    go_to_next_source();
  }
  return std::nullopt;
}

void ChunkReader::go_to_next_source() {
  position_ = {position_.source + 1, 0};
  text_.reset();
  tokens_.reset();
}

TextChunk ChunkReader::advance(int64_t by, int64_t bytes) {
  TextChunk chunk{.at = position_, .bytes = bytes, .begins = position_.offset == 0};
  position_.offset += by;
  return chunk;
}

std::optional<TextChunk> ChunkReader::next_text(const Source& source) {
  bool at_end = false;
  std::string text = read_piece(
      source, [&](std::string_view read) { return tokenizer_ ? tokenizer_->safe_cut(read) : whole_characters(read); },
      at_end);
  const auto bytes = static_cast<int64_t>(text.size());
  auto chunk = advance(bytes, bytes);
  chunk.text = std::move(text);
  chunk.ends = at_end;
  if (at_end) go_to_next_source();
  return chunk;
}

std::optional<TextChunk> ChunkReader::next_lines(const Source& source) {
  bool at_end = false;
  std::string lines = read_piece(source, after_last_line, at_end);
  if (lines.empty()) return std::nullopt;
  const auto bytes = static_cast<int64_t>(lines.size());
  auto chunk = advance(bytes, bytes);
  chunk.text = std::move(lines);
  return chunk;
}

// From the present place to a cut, or to the file's end.
std::string ChunkReader::read_piece(const Source& source, const std::function<size_t(std::string_view)>& cut,
                                    bool& at_end) {
  if (!text_) text_ = std::make_unique<FileReader>(source.file());
  std::string piece;
  for (size_t wanted = kChunkBytes;; wanted *= 2) {
    const size_t read = piece.size();
    piece.resize(wanted);
    const size_t got = text_->read_at(static_cast<uint64_t>(position_.offset) + read,
                                      std::as_writable_bytes(std::span(piece.data() + read, wanted - read)));
    at_end = read + got < wanted;
    piece.resize(at_end ? read + got : cut(piece));
    if (at_end && piece.empty() && position_.offset == 0) {
      fail(ExitCode::kData, "{}: empty file; expected text", source.name());
    }
    if (at_end || !piece.empty()) return piece;
    if (wanted >= kLongestPiece) {
      fail(ExitCode::kData, "{}:{}: no place to cut the text in the {} MiB that begin here (a line of that length?)",
           source.name(), place_in_file(source.file(), position_.offset).line, wanted >> 20);
    }
  }
}

std::optional<TextChunk> ChunkReader::next_tokens(const Source& source) {
  if (!tokenizer_) {
    fail(ExitCode::kData,
         "{}: a token file says nothing about its characters; set data.tokenizer to the tokenizer.json that it was "
         "made with",
         source.name());
  }
  if (!tokens_) {
    tokens_ =
        std::make_unique<TokenReader>(source.file(), tokenizer_->vocab_size(), source.kind == SourceKind::kRawTokens);
  }
  if (tokens_->size() == 0) fail(ExitCode::kData, "{}: holds no tokens", source.name());
  const int64_t count = std::min(kChunkTokens, tokens_->size() - position_.offset);
  if (count == 0) return std::nullopt;
  std::vector<int32_t> ids(static_cast<size_t>(count));
  int32_t before = -1;
  if (position_.offset > 0) tokens_->read(position_.offset - 1, {&before, 1});
  tokens_->read(position_.offset, ids);
  auto chunk = advance(count, count * tokens_->id_bytes());
  chunk.begins = chunk.begins || before == tokenizer_->end_of_text();
  chunk.ids = std::move(ids);
  return chunk;
}

std::optional<TextChunk> ChunkReader::next_of_builtin(const Source& source) {
  const int64_t count = std::min(kChunkItems, builtin_part(source.kind, role_).count - position_.offset);
  if (count == 0) return std::nullopt;
  auto chunk = advance(count, 0);
  chunk.items = count;
  return chunk;
}

void for_each_piece(const TextChunk& chunk, const Source& source, std::string_view role,
                    const std::function<void(const TextPiece&)>& visit) {
  if (source.kind == SourceKind::kStories) return for_each_story(chunk, role, visit);
  if (source.kind == SourceKind::kJsonLines) {
    return for_each_line(chunk, source, [&](const nlohmann::json& line, const std::string& origin) {
      visit({text_of_line(line, origin), origin + ": text", true, true});
    });
  }
  try {
    visit({chunk.text, source.name(), chunk.begins, chunk.ends});
  } catch (const TextError& error) {
    throw error.after(place_in_file(source.file(), chunk.at.offset));
  }
}

void for_each_conversation(const TextChunk& chunk, const Source& source, std::string_view role,
                           const std::function<void(const Conversation&, std::string_view origin)>& visit) {
  if (source.kind == SourceKind::kConversations) {
    return for_each_line(chunk, source, [&](const nlohmann::json& line, const std::string& origin) {
      visit(parse_conversation(line, origin), origin);
    });
  }
  const uint64_t seed = builtin_part(source.kind, role).seed;
  for (int64_t i = chunk.at.offset; i < chunk.at.offset + chunk.items; ++i) {
    visit(questions::conversation(seed, i), questions::kName);
  }
}

void for_each_text(const TextChunk& chunk, const Source& source, std::string_view role,
                   const std::function<void(std::string_view text, std::string_view origin)>& visit) {
  if (!source.holds_conversations()) {
    return for_each_piece(chunk, source, role, [&](const TextPiece& piece) { visit(piece.text, piece.origin); });
  }
  for_each_conversation(chunk, source, role, [&](const Conversation& conversation, std::string_view origin) {
    for (const Message& message : conversation) visit(message.content, origin);
  });
}

}  // namespace slm
