#include "data/token_file.h"

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <string>

#include "core/error.h"

namespace slm {
namespace {

static_assert(std::endian::native == std::endian::little, "token files are read in place");

using Header = std::array<int32_t, 256>;

struct Format {
  int32_t magic;
  int32_t version;
  size_t id_bytes;
};
constexpr Format kNarrow{20240520, 1, sizeof(uint16_t)};
constexpr Format kWide{20240801, 7, sizeof(uint32_t)};
constexpr int64_t kNarrowVocabulary = 65536;

Format format_of(const Header& header, const std::string& path) {
  for (const Format& format : {kNarrow, kWide}) {
    if (header[0] != format.magic) continue;
    if (header[1] == format.version) return format;
    fail(ExitCode::kData, "{}: token file of version {}; expected version {} for magic {}", path, header[1],
         format.version, format.magic);
  }
  fail(ExitCode::kData, "{}: not a token file: it begins with {}; expected the magic number {} or {}", path, header[0],
       kNarrow.magic, kWide.magic);
}

}  // namespace

TokenFile::TokenFile(const std::filesystem::path& path, int64_t vocab_size)
    : path_(path), file_(path), vocab_size_(vocab_size) {
  Header header;
  const size_t bytes = file_.bytes().size();
  if (bytes < sizeof(header)) {
    fail(ExitCode::kData, "{}: {} bytes are too few for a token file; its header alone has {}", path.string(), bytes,
         sizeof(header));
  }
  std::memcpy(header.data(), file_.bytes().data(), sizeof(header));
  const Format format = format_of(header, path.string());
  size_ = header[2];
  wide_ = format.id_bytes == kWide.id_bytes;
  if (size_ < 0 || bytes - sizeof(header) != static_cast<size_t>(size_) * format.id_bytes) {
    fail(ExitCode::kData, "{}: the header promises {} tokens of {} bytes, but {} bytes follow it (file damaged)",
         path.string(), size_, format.id_bytes, bytes - sizeof(header));
  }
}

int64_t TokenFile::at(int64_t index) const {
  int64_t id = 0;
  copy(index, {&id, 1});
  return id;
}

void TokenFile::copy(int64_t begin, std::span<int64_t> out) const {
  SLM_CHECK(begin >= 0 && begin <= size_ && static_cast<int64_t>(out.size()) <= size_ - begin);
  if (wide_) {
    copy_as<uint32_t>(begin, out);
  } else {
    copy_as<uint16_t>(begin, out);
  }
}

template <class Id>
void TokenFile::copy_as(int64_t begin, std::span<int64_t> out) const {
  const std::byte* source = file_.bytes().data() + sizeof(Header) + static_cast<size_t>(begin) * sizeof(Id);
  for (size_t i = 0; i < out.size(); ++i) {
    Id id;
    std::memcpy(&id, source + i * sizeof(Id), sizeof(Id));
    if (static_cast<int64_t>(id) >= vocab_size_) {
      fail(ExitCode::kData, "{}: token {} is id {}, but the tokenizer's vocabulary has {}; was it made by another one?",
           path_.string(), begin + static_cast<int64_t>(i), id, vocab_size_);
    }
    out[i] = id;
  }
}

void write_token_file(const std::filesystem::path& path, std::span<const int32_t> ids, int64_t vocab_size) {
  if (ids.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    fail(ExitCode::kData, "{}: {} tokens; a token file holds at most {}; split the text into several files",
         path.string(), ids.size(), std::numeric_limits<int32_t>::max());
  }
  const Format format = vocab_size <= kNarrowVocabulary ? kNarrow : kWide;
  Header header{};
  header[0] = format.magic;
  header[1] = format.version;
  header[2] = static_cast<int32_t>(ids.size());
  std::string content(sizeof(header) + ids.size() * format.id_bytes, '\0');
  std::memcpy(content.data(), header.data(), sizeof(header));
  for (size_t i = 0; i < ids.size(); ++i) {
    SLM_CHECK(ids[i] >= 0 && ids[i] < vocab_size);
    const auto id = static_cast<uint32_t>(ids[i]);  // little-endian: its first bytes are the narrow id
    std::memcpy(content.data() + sizeof(header) + i * format.id_bytes, &id, format.id_bytes);
  }
  write_file_atomically(path, content);
}

}  // namespace slm
