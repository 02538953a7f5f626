// Byte-level BPE: from one piece of text to the ids of its tokens.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/bpe/merge_piece.h"
#include "data/bpe/merge_table.h"
#include "data/bpe/piece_cache.h"
#include "data/bpe/whole_pieces.h"

namespace slm {

struct BpeModelParts {
  std::vector<std::string> tokens;  // by id: the bytes that it stands for, at least one
  std::vector<bool> literal;        // by id: an added token's content, which no piece of text becomes by itself
  std::vector<BpeMerge> merges;     // the first to be made first; no pair twice
  bool ignore_merges = false;       // a piece that is a token becomes it, whatever the merges say
  // Kept for the file:
  size_t vocabulary_size = 0;  // tokens of the model's own vocabulary; the ones behind it are added
  std::string unk_token;       // empty: none. It is never used: every byte has a token where there is one
};

/// What a thread needs to encode, kept between pieces.
struct BpeScratch {
  MergeBuffers buffers;
  PieceCache cache;
};

class BpeModel {
 public:
  explicit BpeModel(BpeModelParts parts);
  BpeModel(const BpeModel&) = delete;  // the table holds views of the tokens
  BpeModel& operator=(const BpeModel&) = delete;

  const BpeModelParts& parts() const { return parts_; }

  /// Whether there is a token for this byte alone; without one the byte cannot be encoded.
  bool has_byte(uint8_t byte) const { return byte_ids_[byte] != WholePieces::kMissing; }

  /// Appends the ids of `piece`, of whose bytes `has_byte` is true. One scratch a thread, and for this model alone.
  void encode(std::string_view piece, BpeScratch& scratch, std::vector<int32_t>& ids) const {
    if (piece.size() == 1) {
      ids.push_back(byte_ids_[static_cast<uint8_t>(piece[0])]);
    } else if (piece.size() <= kLongestPieceKey) {
      encode_short(piece, scratch, ids);
    } else {
      encode_long(piece, scratch, ids);
    }
  }

 private:
  void encode_short(std::string_view piece, BpeScratch& scratch, std::vector<int32_t>& ids) const;
  void encode_long(std::string_view piece, BpeScratch& scratch, std::vector<int32_t>& ids) const;
  void merge(std::string_view piece, MergeBuffers& buffers) const;
  bool is_encodable(std::string_view piece) const;

  BpeModelParts parts_;
  std::array<int32_t, 256> byte_ids_;
  MergeTable merges_;
  WholePieces whole_;
};

}  // namespace slm
