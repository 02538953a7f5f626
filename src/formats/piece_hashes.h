// SHA-256 of files in pieces, by several threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace slm {

struct FileToHash {
  std::filesystem::path path;
  uint64_t size = 0;
};

/// For every file the SHA-256 of each piece of `piece_bytes`; the last piece may be shorter. A file that has become
/// shorter than `size` gives other hashes. Error (kData) where a file cannot be read.
std::vector<std::vector<std::string>> hash_pieces(const std::vector<FileToHash>& files, uint64_t piece_bytes);

}  // namespace slm
