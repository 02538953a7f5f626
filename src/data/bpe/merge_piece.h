// The merging of one piece's tokens: byte pair encoding itself (Sennrich et al. 2016, arXiv:1508.07909).
#pragma once

#include <cstdint>
#include <vector>

#include "data/bpe/merge_table.h"

namespace slm {

/// Room for the work on a piece, kept between pieces.
struct MergeBuffers {
  struct Link {  // a token that is still there, and its neighbours
    int32_t id;
    uint32_t previous, next;
  };

  std::vector<int32_t> tokens;  // in: one a byte; out: merged
  std::vector<MergeTable::Found> pairs;
  std::vector<Link> links;
  std::vector<uint64_t> heap;
};

/// Merges neighbours among `buffers.tokens`, always the pair of the lowest rank and of equal ones the leftmost, until
/// no pair has a merge. Error (kData) above 2^32 - 2 tokens.
void merge_tokens(const MergeTable& table, MergeBuffers& buffers);

/// The two ways behind it, with equal results: looking through all pairs each time (short pieces), and a heap of them.
void merge_by_scanning(const MergeTable& table, MergeBuffers& buffers);
void merge_with_heap(const MergeTable& table, MergeBuffers& buffers);

}  // namespace slm
