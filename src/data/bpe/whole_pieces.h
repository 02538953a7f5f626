// Pieces of text that are one token: most pieces of most texts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/bpe/piece_key.h"

namespace slm {

class WholePieces {
 public:
  static constexpr int32_t kMissing = -1;

  /// Room for `count` pieces.
  explicit WholePieces(size_t count);

  /// A piece of at least one byte, not added before. `piece` must outlive the table.
  void add(std::string_view piece, int32_t id);

  /// The id of a short piece, or kMissing.
  int32_t find(const PieceKey& key, uint64_t hash) const {
    for (size_t i = hash & mask_;; i = (i + 1) & mask_) {
      if (keys_[i] == key) return ids_[i];
      if (keys_[i] == PieceKey{}) return kMissing;
    }
  }

  /// The id of a piece of more than kLongestPieceKey bytes, or kMissing.
  int32_t find_long(std::string_view piece) const {
    const auto found = long_.find(piece);
    return found == long_.end() ? kMissing : found->second;
  }

 private:
  // Open addressing; keys apart from ids, so that more of them fit into a cache line.
  std::vector<PieceKey> keys_;
  std::vector<int32_t> ids_;
  size_t mask_ = 0;
  std::unordered_map<std::string_view, int32_t> long_;
};

}  // namespace slm
