#include "data/bpe/bpe_model.h"

#include <algorithm>

#include "core/error.h"

namespace slm {

BpeModel::BpeModel(BpeModelParts parts)
    : parts_(std::move(parts)), merges_(parts_.merges), whole_(parts_.tokens.size()) {
  SLM_CHECK(parts_.literal.size() == parts_.tokens.size());
  byte_ids_.fill(WholePieces::kMissing);
  for (size_t id = 0; id < parts_.tokens.size(); ++id) {
    const std::string& token = parts_.tokens[id];
    if (token.size() == 1 && !parts_.literal[id]) {
      byte_ids_[static_cast<uint8_t>(token[0])] = static_cast<int32_t>(id);
    }
  }
  // A token that its own bytes do not merge into is never a whole piece, unless the merges are ignored.
  MergeBuffers buffers;
  for (size_t i = 0; i < parts_.tokens.size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    if (parts_.literal[i]) continue;
    if (!parts_.ignore_merges) {
      if (!is_encodable(parts_.tokens[i])) continue;
      merge(parts_.tokens[i], buffers);
      if (buffers.tokens != std::vector{id}) continue;
    }
    whole_.add(parts_.tokens[i], id);
  }
}

bool BpeModel::is_encodable(std::string_view piece) const {
  return std::all_of(piece.begin(), piece.end(), [&](char byte) { return has_byte(static_cast<uint8_t>(byte)); });
}

void BpeModel::merge(std::string_view piece, MergeBuffers& buffers) const {
  buffers.tokens.clear();
  for (const char byte : piece) buffers.tokens.push_back(byte_ids_[static_cast<uint8_t>(byte)]);
  merge_tokens(merges_, buffers);
}

void BpeModel::encode_short(std::string_view piece, BpeScratch& scratch, std::vector<int32_t>& ids) const {
  const PieceKey key = piece_key(piece);
  const uint64_t hash = hash_of(key);
  if (const int32_t id = whole_.find(key, hash); id != WholePieces::kMissing) {
    ids.push_back(id);
    return;
  }
  if (const auto cached = scratch.cache.find(key, hash); !cached.empty()) {
    ids.insert(ids.end(), cached.begin(), cached.end());
    return;
  }
  const auto& merged = scratch.buffers.tokens;
  merge(piece, scratch.buffers);
  scratch.cache.put(key, hash, merged);
  ids.insert(ids.end(), merged.begin(), merged.end());
}

void BpeModel::encode_long(std::string_view piece, BpeScratch& scratch, std::vector<int32_t>& ids) const {
  if (const int32_t id = whole_.find_long(piece); id != WholePieces::kMissing) {
    ids.push_back(id);
    return;
  }
  merge(piece, scratch.buffers);
  ids.insert(ids.end(), scratch.buffers.tokens.begin(), scratch.buffers.tokens.end());
}

}  // namespace slm
