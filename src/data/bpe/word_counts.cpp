#include "data/bpe/word_counts.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <limits>
#include <mutex>
#include <thread>

#include "core/error.h"

namespace slm {
namespace {

constexpr size_t kFirstSlots = 1 << 12;
constexpr size_t kBlock = 1 << 20;  // bytes of text whose pieces are held at a time

// The first block of `text`: some kBlock bytes, or more where it cannot be cut there.
std::string_view first_block(std::string_view text, const PreTokenizer& pre_tokenizer) {
  for (size_t size = kBlock; size < text.size(); size *= 2) {
    if (const size_t cut = pre_tokenizer.last_cut(text.substr(0, size)); cut > 0) return text.substr(0, cut);
  }
  return text;
}

// Hands out the blocks of a text to several threads.
class Blocks {
 public:
  Blocks(std::string_view text, const PreTokenizer& pre_tokenizer) : rest_(text), pre_tokenizer_(pre_tokenizer) {}

  // Empty at the end.
  std::string_view next() {
    const std::lock_guard lock(mutex_);
    const std::string_view block = first_block(rest_, pre_tokenizer_);
    rest_.remove_prefix(block.size());
    return block;
  }

 private:
  std::mutex mutex_;
  std::string_view rest_;
  const PreTokenizer& pre_tokenizer_;
};

}  // namespace

void WordCounts::add(std::string_view word, int64_t count) {
  if (2 * (entries_.size() + 1) > slots_.size()) grow();
  const size_t hash = std::hash<std::string_view>()(word), mask = slots_.size() - 1;
  size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash == hash && this->word(slots_[slot] - 1) == word) {
      entry.count += count;
      return;
    }
  }
  SLM_CHECK(entries_.size() < std::numeric_limits<uint32_t>::max());
  entries_.push_back({bytes_.size(), word.size(), count, hash});
  bytes_ += word;
  slots_[slot] = static_cast<uint32_t>(entries_.size());
}

void WordCounts::add(const WordCounts& other) {
  for (size_t i = 0; i < other.size(); ++i) add(other.word(i), other.count(i));
}

void WordCounts::add_document(std::string_view document, const PreTokenizer& pre_tokenizer) {
  while (!document.empty()) {
    const std::string_view block = first_block(document, pre_tokenizer);
    pieces_.clear();
    pre_tokenizer.split(block, pieces_);
    for (const std::string_view piece : pieces_) add(piece);
    document.remove_prefix(block.size());
  }
}

void WordCounts::grow() {
  slots_.assign(std::max(kFirstSlots, 2 * slots_.size()), 0);
  const size_t mask = slots_.size() - 1;
  for (size_t i = 0; i < entries_.size(); ++i) {
    size_t slot = entries_[i].hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<uint32_t>(i + 1);
  }
}

WordCounts count_words(std::string_view text, const PreTokenizer& pre_tokenizer, int threads) {
  SLM_CHECK(threads > 0);
  Blocks blocks(text, pre_tokenizer);
  std::vector<WordCounts> counts(static_cast<size_t>(threads));
  std::vector<std::exception_ptr> failures(counts.size());
  const auto work = [&](size_t thread) {
    try {
      for (auto block = blocks.next(); !block.empty(); block = blocks.next()) {
        counts[thread].add_document(block, pre_tokenizer);
      }
    } catch (...) {
      failures[thread] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    for (size_t thread = 1; thread < counts.size(); ++thread) others.emplace_back(work, thread);
    work(0);
  }
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  for (size_t thread = 1; thread < counts.size(); ++thread) counts[0].add(counts[thread]);
  return std::move(counts[0]);
}

}  // namespace slm
