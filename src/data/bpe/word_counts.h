// How often each piece of a text occurs: all that BPE training looks at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/bpe/pre_tokenizer.h"

namespace slm {

/// A hash map from words to counts, in one block of bytes. For one thread; several threads fill one each and join them.
class WordCounts {
 public:
  void add(std::string_view word, int64_t count = 1);
  void add(const WordCounts& other);
  /// Counts the pieces of a document, block by block where the pre-tokenizer knows where to cut.
  void add_document(std::string_view document, const PreTokenizer& pre_tokenizer);

  size_t size() const { return entries_.size(); }
  std::string_view word(size_t index) const { return {bytes_.data() + entries_[index].begin, entries_[index].length}; }
  int64_t count(size_t index) const { return entries_[index].count; }

 private:
  struct Entry {
    size_t begin, length;  // in bytes_
    int64_t count;
    size_t hash;
  };

  void grow();

  std::string bytes_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> slots_;  // index into entries_ plus 1, where hash & mask says or behind it; 0: free
  std::vector<std::string_view> pieces_;
};

/// The words of `text`, counted by `threads` threads. The counts do not depend on their number.
WordCounts count_words(std::string_view text, const PreTokenizer& pre_tokenizer, int threads);

}  // namespace slm
