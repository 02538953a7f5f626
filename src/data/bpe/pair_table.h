// A hash map from pairs of token ids to what BPE training keeps about them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace slm {

/// Two tokens side by side.
struct TokenPair {
  int32_t left, right;
  auto operator<=>(const TokenPair&) const = default;
};

class PairTable {
 public:
  static constexpr int32_t kNone = -1;

  struct Info {
    TokenPair pair{kNone, kNone};
    int64_t count = 0;     // occurrences in the text
    int32_t list = kNone;  // the caller's
  };

  /// The pair's entry, made where there is none. Good until the next call.
  Info& operator[](TokenPair pair);

  template <class Visit>
  void for_each(const Visit& visit) {
    for (Info& info : slots_) {
      if (info.pair.left != kNone) visit(info);
    }
  }

 private:
  size_t find(TokenPair pair) const;
  void grow();

  size_t size_ = 0;
  std::vector<Info> slots_;
};

}  // namespace slm
