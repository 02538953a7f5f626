// Counts of pairs are kept while words change: a merge looks only at the words that hold its pair. A heap tells the
// most frequent pair; its entries may be older than the counts and are put back with the new count when they come to
// the top.
// A merged pair never comes up again: what became one token is cut the same way wherever it stands.
#include "data/bpe/train_bpe.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "data/bpe/byte_alphabet.h"
#include "data/bpe/pair_table.h"

namespace slm {
namespace {

// The tokens made so far. Texts are compared as the files spell them, in byte characters.
class Tokens {
 public:
  explicit Tokens(const std::vector<std::string>& special) {
    for (const std::string& token : special) {
      SLM_CHECK(!token.empty() && !ids_.contains(token));
      add(token, token);
    }
    for (const uint8_t byte : bytes_by_character()) {
      const std::string text(1, static_cast<char>(byte));
      byte_ids_[byte] = find_or_add(text, to_byte_characters(text));
    }
  }

  int64_t size() const { return static_cast<int64_t>(texts_.size()); }
  int32_t byte_id(char byte) const { return byte_ids_[static_cast<uint8_t>(byte)]; }

  int32_t join(TokenPair pair) {
    const std::string text = texts_[static_cast<size_t>(pair.left)] + texts_[static_cast<size_t>(pair.right)];
    return find_or_add(text, to_byte_characters(text));
  }

  std::vector<std::string> take() { return std::move(texts_); }

 private:
  int32_t add(const std::string& text, const std::string& spelled) {
    const auto id = static_cast<int32_t>(texts_.size());
    ids_.emplace(spelled, id);
    texts_.push_back(text);
    return id;
  }

  int32_t find_or_add(const std::string& text, const std::string& spelled) {
    const auto found = ids_.find(spelled);
    return found == ids_.end() ? add(text, spelled) : found->second;
  }

  std::vector<std::string> texts_;                // bytes, by id
  std::unordered_map<std::string, int32_t> ids_;  // by spelled text
  std::array<int32_t, 256> byte_ids_;
};

// The words as sequences of tokens, and how often each pair occurs in them.
class Words {
 public:
  using Indices = std::vector<uint32_t>;

  Words(const WordCounts& counts, const Tokens& tokens) {
    for (size_t i = 0; i < counts.size(); ++i) {
      const std::string_view text = counts.word(i);
      if (text.size() < 2) continue;  // no pair
      words_.push_back({symbols_.size(), text.size(), counts.count(i)});
      for (const char byte : text) symbols_.push_back(tokens.byte_id(byte));
      count_pairs(static_cast<uint32_t>(words_.size() - 1));
    }
  }

  int64_t count(TokenPair pair) { return pairs_[pair].count; }

  // Joins the pair to `joined` in these words.
  void merge(const Indices& words, TokenPair pair, int32_t joined) {
    for (const uint32_t word : words) merge(word, pair, joined);
  }

  // Calls visit(pair, count, words) for every pair that has come up since the last call; the words are those where it
  // came up.
  template <class Visit>
  void take_new(const Visit& visit) {
    for (size_t list = 0; list < lists_.size(); ++list) {
      PairTable::Info& info = pairs_[new_pairs_[list]];
      info.list = PairTable::kNone;
      visit(info.pair, info.count, std::move(lists_[list]));
    }
    lists_.clear();
    new_pairs_.clear();
  }

 private:
  struct Word {
    size_t begin, length;  // in symbols_
    int64_t count;
  };

  void count_pairs(uint32_t index) {
    const Word& word = words_[index];
    for (size_t i = 1; i < word.length; ++i) {
      change({symbols_[word.begin + i - 1], symbols_[word.begin + i]}, word.count, index);
    }
  }

  void change(TokenPair pair, int64_t by, uint32_t word) {
    PairTable::Info& info = pairs_[pair];
    info.count += by;
    if (by < 0) return;
    if (info.list == PairTable::kNone) {
      info.list = static_cast<int32_t>(lists_.size());
      lists_.emplace_back();
      new_pairs_.push_back(pair);
    }
    Indices& list = lists_[static_cast<size_t>(info.list)];
    if (list.empty() || list.back() != word) list.push_back(word);
  }

  void merge(uint32_t index, TokenPair pair, int32_t joined) {
    Word& word = words_[index];
    int32_t* const symbols = symbols_.data() + word.begin;
    size_t kept = 0;
    for (size_t i = 0; i < word.length; ++i) {
      if (symbols[i] != pair.left || i + 1 == word.length || symbols[i + 1] != pair.right) {
        symbols[kept++] = symbols[i];
        continue;
      }
      if (kept > 0) {
        change({symbols[kept - 1], pair.left}, -word.count, index);
        change({symbols[kept - 1], joined}, word.count, index);
      }
      symbols[kept++] = joined;
      ++i;
      if (i + 1 < word.length) {
        change({pair.right, symbols[i + 1]}, -word.count, index);
        change({joined, symbols[i + 1]}, word.count, index);
      }
    }
    word.length = kept;
  }

  std::vector<int32_t> symbols_;
  std::vector<Word> words_;
  PairTable pairs_;
  std::vector<Indices> lists_;  // where the new pairs occur
  std::vector<TokenPair> new_pairs_;
};

// Pairs to be merged, the most frequent one first, each with words that hold it.
class Queue {
 public:
  struct Entry {
    int64_t count;
    TokenPair pair;
    Words::Indices words;
  };

  void push(Entry entry) {
    entries_.push_back(std::move(entry));
    std::push_heap(entries_.begin(), entries_.end(), comes_after);
  }

  Entry pop() {
    std::pop_heap(entries_.begin(), entries_.end(), comes_after);
    Entry entry = std::move(entries_.back());
    entries_.pop_back();
    return entry;
  }

  bool empty() const { return entries_.empty(); }

 private:
  static bool comes_after(const Entry& a, const Entry& b) {
    return a.count != b.count ? a.count < b.count : a.pair > b.pair;
  }

  std::vector<Entry> entries_;
};

}  // namespace

BpeVocabulary train_bpe(const WordCounts& counts, int64_t vocab_size, const std::vector<std::string>& special) {
  Tokens tokens(special);
  if (vocab_size < tokens.size()) {
    fail(ExitCode::kUsage, "data.vocab_size: found {}; expected at least {}: 256 bytes and {} special tokens",
         vocab_size, tokens.size(), special.size());
  }
  Words words(counts, tokens);
  Queue queue;
  const auto enqueue_new = [&] {
    words.take_new([&](TokenPair pair, int64_t count, Words::Indices&& where) {
      if (count > 0) queue.push({count, pair, std::move(where)});
    });
  };
  enqueue_new();
  std::vector<std::pair<int32_t, int32_t>> merges;
  while (tokens.size() < vocab_size && !queue.empty()) {
    Queue::Entry top = queue.pop();
    if (const int64_t count = words.count(top.pair); count != top.count) {
      top.count = count;
      if (count > 0) queue.push(std::move(top));
      continue;
    }
    words.merge(top.words, top.pair, tokens.join(top.pair));
    merges.emplace_back(top.pair.left, top.pair.right);
    enqueue_new();
  }
  return {.tokens = tokens.take(), .merges = std::move(merges), .special = special};
}

}  // namespace slm
