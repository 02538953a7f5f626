// The merging of one piece, and the tables behind it.
#include <gtest/gtest.h>

#include <set>

#include "core/rng.h"
#include "data/bpe/merge_piece.h"
#include "data/bpe/piece_cache.h"
#include "data/bpe/whole_pieces.h"

namespace slm {
namespace {

using Ids = std::vector<int32_t>;

// Random merges of `letters` letters; the result of a merge has an id of its own and may be merged again.
std::vector<BpeMerge> random_merges(RngStream& stream, int32_t letters, int32_t count) {
  std::vector<BpeMerge> merges;
  std::set<std::pair<int32_t, int32_t>> taken;
  while (static_cast<int32_t>(merges.size()) < count) {
    const auto known = static_cast<uint64_t>(letters) + merges.size();
    const auto left = static_cast<int32_t>(stream.below(known)), right = static_cast<int32_t>(stream.below(known));
    if (taken.emplace(left, right).second) {
      merges.push_back({left, right, letters + static_cast<int32_t>(merges.size())});
    }
  }
  return merges;
}

// The definition: the first merge of the list that applies anywhere, at the leftmost place; then from the beginning.
Ids merge_plainly(const std::vector<BpeMerge>& merges, Ids ids) {
  for (bool merged = true; merged;) {
    merged = false;
    for (size_t rank = 0; rank < merges.size() && !merged; ++rank) {
      for (size_t i = 0; i + 1 < ids.size() && !merged; ++i) {
        if (ids[i] != merges[rank].left || ids[i + 1] != merges[rank].right) continue;
        ids[i] = merges[rank].result;
        ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        merged = true;
      }
    }
  }
  return ids;
}

}  // namespace

TEST(BpeMerge, ScanningAndTheHeapDoWhatTheDefinitionDoes) {
  RngStream stream(31);
  MergeBuffers buffers;
  for (int i = 0; i < 300; ++i) {
    const auto merges = random_merges(stream, 3, 1 + static_cast<int32_t>(stream.below(40)));
    const MergeTable table(merges);
    Ids ids(stream.below(120));
    for (auto& id : ids) id = static_cast<int32_t>(stream.below(3));
    const Ids expected = merge_plainly(merges, ids);
    for (const auto merge : {merge_by_scanning, merge_with_heap, merge_tokens}) {
      buffers.tokens = ids;
      merge(table, buffers);
      ASSERT_EQ(buffers.tokens, expected) << i;
    }
  }
}

TEST(BpeMerge, AMillionTokensWithoutABreakAreMergedInTime) {
  MergeBuffers buffers;
  buffers.tokens.assign(1'000'000, 0);
  merge_tokens(MergeTable(std::vector<BpeMerge>{{0, 0, 1}, {1, 1, 2}, {2, 2, 3}}), buffers);
  EXPECT_EQ(buffers.tokens, Ids(125'000, 3));
}

TEST(PieceKey, IsAnotherForEveryPiece) {
  std::set<std::pair<uint64_t, uint64_t>> keys;
  size_t pieces = 0;
  const auto add = [&](const std::string& piece) {
    const auto key = piece_key(piece);
    EXPECT_TRUE(keys.emplace(key.low, key.high).second) << piece;
    ++pieces;
  };
  for (size_t length = 1; length <= kLongestPieceKey; ++length) {
    add(std::string(length, '\0'));
    add(std::string(length, 'a'));
    for (size_t place = 0; place < length; ++place) {
      std::string piece(length, 'a');
      for (const char byte : {'b', '\0', '\xFF'}) {
        piece[place] = byte;
        if (length > 1 || byte != '\0') add(piece);
      }
    }
  }
  EXPECT_EQ(keys.size(), pieces);
}

TEST(PieceCache, GivesWhatWasPutLastAndNothingForOthers) {
  PieceCache cache;
  const auto find = [&](const std::string& piece) {
    const auto key = piece_key(piece);
    const auto ids = cache.find(key, hash_of(key));
    return Ids(ids.begin(), ids.end());
  };
  const auto put = [&](const std::string& piece, const Ids& ids) {
    const auto key = piece_key(piece);
    cache.put(key, hash_of(key), ids);
  };
  put("abc", {1, 2});
  EXPECT_EQ(find("abc"), (Ids{1, 2}));
  EXPECT_EQ(find("abd"), Ids{});
  put("long", Ids(12, 7));
  EXPECT_EQ(find("long"), Ids{});
  for (int i = 0; i < 100'000; ++i) put(std::to_string(i), {i});
  EXPECT_EQ(find("99999"), (Ids{99999}));
}

}  // namespace slm
