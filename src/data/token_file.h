// Token files in llm.c's format: 256 int32 of header (magic, version, count, zeros), then the ids, little-endian.
// Magic 20240520, version 1: uint16 ids. Magic 20240801, version 7: uint32 ids, for vocabularies above 65,536.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>

#include "core/file.h"

namespace slm {

/// The most that the header can count.
inline constexpr int64_t kMostTokensInFile = std::numeric_limits<int32_t>::max();

/// Where a file's ids lie.
struct TokenLayout {
  uint64_t begin = 0;  // bytes before the first
  int64_t tokens = 0;
  bool wide = false;  // uint32 ids

  uint64_t id_bytes() const { return wide ? sizeof(uint32_t) : sizeof(uint16_t); }
};

/// A token file, mapped. Reading is safe from several threads.
class TokenFile {
 public:
  /// Error (kData) where the header is wrong or contradicts the file's length.
  /// Ids are checked against `vocab_size` when they are read, so that opening costs nothing.
  TokenFile(const std::filesystem::path& path, int64_t vocab_size);

  int64_t size() const { return layout_.tokens; }
  const std::filesystem::path& path() const { return path_; }

  /// Copies ids begin .. begin + out.size() - 1. Error (kData) naming the place where an id is not below the
  /// vocabulary's size.
  void copy(int64_t begin, std::span<int64_t> out) const;

 private:
  std::filesystem::path path_;
  MappedFile file_;
  int64_t vocab_size_;
  TokenLayout layout_;
};

/// A token file that is read once, from its beginning to its end, and leaves no pages of it in memory.
class TokenReader {
 public:
  /// `headerless`: nothing but uint16 ids. Errors as TokenFile's.
  TokenReader(const std::filesystem::path& path, int64_t vocab_size, bool headerless = false);

  int64_t size() const { return layout_.tokens; }
  int64_t id_bytes() const { return static_cast<int64_t>(layout_.id_bytes()); }
  void read(int64_t begin, std::span<int32_t> out) const;

 private:
  std::filesystem::path path_;
  FileReader file_;
  int64_t vocab_size_;
  TokenLayout layout_;
};

/// Writes a token file piece by piece, in the narrower format that holds `vocab_size`. Errors as FileWriter's; without
/// `finish` an unfinished file is left for its owner to remove.
class TokenFileWriter {
 public:
  TokenFileWriter(const std::filesystem::path& path, int64_t vocab_size);

  /// At most kMostTokensInFile in all.
  void append(std::span<const int32_t> ids);
  int64_t size() const { return size_; }
  /// The header, and the file is on the disk.
  void finish();

 private:
  FileWriter file_;
  int64_t vocab_size_;
  bool wide_;
  int64_t size_ = 0;
};

}  // namespace slm
