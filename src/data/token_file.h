// Token files in llm.c's format: 256 int32 of header (magic, version, count, zeros), then the ids, little-endian.
// Magic 20240520, version 1: uint16 ids. Magic 20240801, version 7: uint32 ids, for vocabularies above 65,536.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "core/file.h"

namespace slm {

/// A token file, mapped. Reading is safe from several threads.
class TokenFile {
 public:
  /// Error (kData) where the header is wrong or contradicts the file's length.
  /// Ids are checked against `vocab_size` when they are read, so that opening costs nothing.
  TokenFile(const std::filesystem::path& path, int64_t vocab_size);

  int64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

  /// Error (kData) naming the place where the id is not below the vocabulary's size.
  int64_t at(int64_t index) const;

  /// Copies ids begin .. begin + out.size() - 1; same errors.
  void copy(int64_t begin, std::span<int64_t> out) const;

 private:
  template <class Id>
  void copy_as(int64_t begin, std::span<int64_t> out) const;

  std::filesystem::path path_;
  MappedFile file_;
  int64_t vocab_size_;
  int64_t size_ = 0;
  bool wide_ = false;  // uint32 ids
};

/// Writes atomically; the narrower format that holds `vocab_size`. Error (kData) above 2^31 - 1 tokens.
void write_token_file(const std::filesystem::path& path, std::span<const int32_t> ids, int64_t vocab_size);

}  // namespace slm
