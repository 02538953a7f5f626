#include "data/token_file.h"

#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.h"

namespace slm {
namespace {

static_assert(std::endian::native == std::endian::little, "token files are read in place");

using Header = std::array<int32_t, 256>;

struct Format {
  int32_t magic;
  int32_t version;
  bool wide;
};
constexpr Format kNarrow{20240520, 1, false};
constexpr Format kWide{20240801, 7, true};
constexpr int64_t kNarrowVocabulary = 65536;

Format format_of(const Header& header, const std::string& path) {
  for (const Format& format : {kNarrow, kWide}) {
    if (header[0] != format.magic) continue;
    if (header[1] == format.version) return format;
    fail(ExitCode::kData, "{}: token file of version {}; expected version {} for magic {}", path, header[1],
         format.version, format.magic);
  }
  fail(ExitCode::kData,
       "{}: not a token file: it begins with {}; expected the magic number {} or {} (16-bit ids without a header are "
       "read with format: uint16)",
       path, header[0], kNarrow.magic, kWide.magic);
}

// Of a file of `bytes` bytes that begins with `beginning`.
TokenLayout read_layout(std::span<const std::byte> beginning, uint64_t bytes, const std::string& path) {
  Header header;
  if (beginning.size() < sizeof(header)) {
    fail(ExitCode::kData, "{}: {} bytes are too few for a token file; its header alone has {}", path, bytes,
         sizeof(header));
  }
  std::memcpy(header.data(), beginning.data(), sizeof(header));
  const Format format = format_of(header, path);
  const TokenLayout layout{sizeof(header), header[2], format.wide};
  if (layout.tokens < 0 || bytes - layout.begin != static_cast<uint64_t>(layout.tokens) * layout.id_bytes()) {
    fail(ExitCode::kData, "{}: the header promises {} tokens of {} bytes, but {} bytes follow it (file damaged)", path,
         layout.tokens, layout.id_bytes(), bytes - layout.begin);
  }
  return layout;
}

TokenLayout headerless_layout(uint64_t bytes, const std::string& path) {
  if (bytes % sizeof(uint16_t) != 0) {
    fail(ExitCode::kData, "{}: {} bytes are no whole number of 16-bit ids (file damaged, or of another format)", path,
         bytes);
  }
  return {0, static_cast<int64_t>(bytes / sizeof(uint16_t)), false};
}

TokenLayout find_layout(const FileReader& file, const std::filesystem::path& path, bool headerless) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (error) fail(ExitCode::kData, "{}: cannot be examined: {}", path.string(), error.message());
  if (headerless) return headerless_layout(bytes, path.string());
  std::array<std::byte, sizeof(Header)> beginning;
  return read_layout(std::span(beginning).first(file.read_at(0, beginning)), bytes, path.string());
}

template <class Id, class Out>
void copy_ids(const std::byte* source, int64_t begin, std::span<Out> out, int64_t vocab_size,
              const std::filesystem::path& path) {
  for (size_t i = 0; i < out.size(); ++i) {
    Id id;
    std::memcpy(&id, source + i * sizeof(Id), sizeof(Id));
    if (static_cast<int64_t>(id) >= vocab_size) {
      fail(ExitCode::kData, "{}: token {} is id {}, but the tokenizer's vocabulary has {}; was it made by another one?",
           path.string(), begin + static_cast<int64_t>(i), id, vocab_size);
    }
    out[i] = static_cast<Out>(id);
  }
}

// From `source`, where id `begin` lies.
template <class Out>
void copy_ids(const TokenLayout& layout, const std::byte* source, int64_t begin, std::span<Out> out, int64_t vocab_size,
              const std::filesystem::path& path) {
  if (layout.wide) {
    copy_ids<uint32_t>(source, begin, out, vocab_size, path);
  } else {
    copy_ids<uint16_t>(source, begin, out, vocab_size, path);
  }
}

uint64_t place_of(const TokenLayout& layout, int64_t token) {
  return layout.begin + static_cast<uint64_t>(token) * layout.id_bytes();
}

}  // namespace

TokenFile::TokenFile(const std::filesystem::path& path, int64_t vocab_size)
    : path_(path),
      file_(path),
      vocab_size_(vocab_size),
      layout_(read_layout(file_.bytes(), file_.bytes().size(), path.string())) {}

void TokenFile::copy(int64_t begin, std::span<int64_t> out) const {
  SLM_CHECK(begin >= 0 && begin <= size() && static_cast<int64_t>(out.size()) <= size() - begin);
  copy_ids(layout_, file_.bytes().data() + place_of(layout_, begin), begin, out, vocab_size_, path_);
}

TokenReader::TokenReader(const std::filesystem::path& path, int64_t vocab_size, bool headerless)
    : path_(path), file_(path), vocab_size_(vocab_size), layout_(find_layout(file_, path, headerless)) {}

void TokenReader::read(int64_t begin, std::span<int32_t> out) const {
  SLM_CHECK(begin >= 0 && begin <= size() && static_cast<int64_t>(out.size()) <= size() - begin);
  std::vector<std::byte> bytes(out.size() * layout_.id_bytes());
  if (file_.read_at(place_of(layout_, begin), bytes) != bytes.size()) {
    fail(ExitCode::kData, "{}: became shorter while it was read", path_.string());
  }
  copy_ids(layout_, bytes.data(), begin, out, vocab_size_, path_);
}

TokenFileWriter::TokenFileWriter(const std::filesystem::path& path, int64_t vocab_size)
    : file_(path), vocab_size_(vocab_size), wide_(vocab_size > kNarrowVocabulary) {
  const Header unfinished{};  // no magic: a file without `finish` is none
  file_.write(std::as_bytes(std::span(unfinished)));
}

void TokenFileWriter::append(std::span<const int32_t> ids) {
  SLM_CHECK(static_cast<int64_t>(ids.size()) <= kMostTokensInFile - size_);
  const size_t id_bytes = TokenLayout{.wide = wide_}.id_bytes();
  std::vector<std::byte> bytes(ids.size() * id_bytes);
  for (size_t i = 0; i < ids.size(); ++i) {
    SLM_CHECK(ids[i] >= 0 && ids[i] < vocab_size_);
    const auto id = static_cast<uint32_t>(ids[i]);  // little-endian: its first bytes are the narrow id
    std::memcpy(bytes.data() + i * id_bytes, &id, id_bytes);
  }
  file_.write(bytes);
  size_ += static_cast<int64_t>(ids.size());
}

void TokenFileWriter::finish() {
  const Format format = wide_ ? kWide : kNarrow;
  Header header{};
  header[0] = format.magic;
  header[1] = format.version;
  header[2] = static_cast<int32_t>(size_);
  file_.overwrite(0, std::as_bytes(std::span(header)));
  file_.close();
}

}  // namespace slm
