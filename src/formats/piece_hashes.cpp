#include "formats/piece_hashes.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <span>
#include <thread>

#include "core/file.h"
#include "core/sha256.h"

namespace slm {

namespace {

constexpr uint64_t kBlockBytes = uint64_t{1} << 20;
constexpr size_t kMaxThreads = 8;  // one core hashes about 1.5 GB/s, so that more would wait for the disk

struct Piece {
  const std::filesystem::path* path;
  uint64_t begin, end;
  std::string* sha256;
};

std::string hash_piece(const Piece& piece) {
  const FileReader reader(*piece.path);
  std::vector<std::byte> block(std::min(kBlockBytes, piece.end - piece.begin));
  Sha256 hash;
  for (uint64_t position = piece.begin; position < piece.end;) {
    const auto wanted = std::span(block).first(std::min<uint64_t>(block.size(), piece.end - position));
    const size_t got = reader.read_at(position, wanted);
    if (got == 0) break;
    hash.update(wanted.first(got));
    position += got;
  }
  return hash.hex();
}

}  // namespace

std::vector<std::vector<std::string>> hash_pieces(const std::vector<FileToHash>& files, uint64_t piece_bytes) {
  std::vector<std::vector<std::string>> hashes(files.size());
  std::vector<Piece> pieces;
  for (size_t i = 0; i < files.size(); ++i) {
    hashes[i].resize((files[i].size + piece_bytes - 1) / piece_bytes);
    for (size_t k = 0; k < hashes[i].size(); ++k) {
      const uint64_t begin = k * piece_bytes;
      pieces.push_back({&files[i].path, begin, std::min(begin + piece_bytes, files[i].size), &hashes[i][k]});
    }
  }
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i; (i = next++) < pieces.size();) *pieces[i].sha256 = hash_piece(pieces[i]);
  };
  const size_t threads = std::min({kMaxThreads, size_t{std::thread::hardware_concurrency()}, pieces.size()});
  std::vector<std::future<void>> helpers;  // a future's `get` passes on what its thread threw
  for (size_t i = 1; i < threads; ++i) helpers.push_back(std::async(std::launch::async, work));
  work();
  for (auto& helper : helpers) helper.get();
  return hashes;
}

}  // namespace slm
