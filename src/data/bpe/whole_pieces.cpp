#include "data/bpe/whole_pieces.h"

#include <bit>

#include "core/error.h"

namespace slm {

WholePieces::WholePieces(size_t count) {
  const size_t capacity = std::bit_ceil(2 * count + 2);  // half empty at least
  keys_.resize(capacity);
  ids_.resize(capacity);
  mask_ = capacity - 1;
}

void WholePieces::add(std::string_view piece, int32_t id) {
  SLM_CHECK(!piece.empty());
  if (piece.size() > kLongestPieceKey) {
    long_.emplace(piece, id);
    return;
  }
  const PieceKey key = piece_key(piece);
  size_t i = hash_of(key) & mask_;
  while (!(keys_[i] == PieceKey{})) {
    SLM_CHECK(!(keys_[i] == key));
    i = (i + 1) & mask_;
  }
  keys_[i] = key;
  ids_[i] = id;
}

}  // namespace slm
