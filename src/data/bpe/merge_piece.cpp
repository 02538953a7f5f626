#include "data/bpe/merge_piece.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "core/error.h"

namespace slm {
namespace {

constexpr size_t kLongestScan = 48;  // tokens; beyond, a heap is faster
constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
constexpr int32_t kMerged = -1;  // the id of a token that became part of the one before it

// The heap holds rank and place in one number, so that the smallest is the lowest rank and then the leftmost.
uint64_t heap_entry(uint32_t rank, uint32_t place) { return uint64_t{rank} << 32 | place; }

class HeapOfPairs {
 public:
  HeapOfPairs(const MergeTable& table, MergeBuffers& buffers)
      : table_(table), links_(buffers.links), heap_(buffers.heap) {}

  void link(const std::vector<int32_t>& tokens) {
    const auto count = static_cast<uint32_t>(tokens.size());
    links_.clear();
    for (uint32_t i = 0; i < count; ++i) links_.push_back({tokens[i], i - 1, i + 1 < count ? i + 1 : kNone});
    heap_.clear();
    for (uint32_t i = 0; i + 1 < count; ++i) {
      if (const auto rank = rank_at(i); rank != MergeTable::kNoRank) heap_.push_back(heap_entry(rank, i));
    }
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  void merge_all() {
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      const auto rank = static_cast<uint32_t>(heap_.back() >> 32), place = static_cast<uint32_t>(heap_.back());
      heap_.pop_back();
      // A pair that changed since it was pushed has another rank: every rank is one pair's.
      if (rank_at(place) == rank) merge(place);
    }
  }

 private:
  uint32_t rank_at(uint32_t place) const {
    const auto& [id, previous, next] = links_[place];
    if (id == kMerged || next == kNone) return MergeTable::kNoRank;
    return table_.find(id, links_[next].id).rank;
  }

  void push(uint32_t place) {
    const auto rank = rank_at(place);
    if (rank == MergeTable::kNoRank) return;
    heap_.push_back(heap_entry(rank, place));
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  void merge(uint32_t place) {
    auto& left = links_[place];
    auto& right = links_[left.next];
    left.id = table_.find(left.id, right.id).id;
    right.id = kMerged;
    left.next = right.next;
    if (left.next != kNone) links_[left.next].previous = place;
    if (left.previous != kNone) push(left.previous);
    push(place);
  }

  const MergeTable& table_;
  std::vector<MergeBuffers::Link>& links_;
  std::vector<uint64_t>& heap_;
};

}  // namespace

void merge_by_scanning(const MergeTable& table, MergeBuffers& buffers) {
  auto& tokens = buffers.tokens;
  auto& pairs = buffers.pairs;
  pairs.clear();
  for (size_t i = 0; i + 1 < tokens.size(); ++i) pairs.push_back(table.find(tokens[i], tokens[i + 1]));
  while (!pairs.empty()) {
    size_t best = 0;
    for (size_t i = 1; i < pairs.size(); ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == MergeTable::kNoRank) return;
    const auto place = static_cast<std::ptrdiff_t>(best);
    tokens[best] = pairs[best].id;
    tokens.erase(tokens.begin() + place + 1);
    pairs.erase(pairs.begin() + place);
    if (best > 0) pairs[best - 1] = table.find(tokens[best - 1], tokens[best]);
    if (best < pairs.size()) pairs[best] = table.find(tokens[best], tokens[best + 1]);
  }
}

void merge_with_heap(const MergeTable& table, MergeBuffers& buffers) {
  if (buffers.tokens.size() >= kNone) {
    fail(ExitCode::kData, "a piece of {} bytes without a place to split it; expected fewer than {}",
         buffers.tokens.size(), kNone);
  }
  HeapOfPairs heap(table, buffers);
  heap.link(buffers.tokens);
  heap.merge_all();
  buffers.tokens.clear();
  for (const auto& link : buffers.links) {
    if (link.id != kMerged) buffers.tokens.push_back(link.id);
  }
}

void merge_tokens(const MergeTable& table, MergeBuffers& buffers) {
  if (buffers.tokens.size() <= kLongestScan) {
    merge_by_scanning(table, buffers);
  } else {
    merge_with_heap(table, buffers);
  }
}

}  // namespace slm
