// What training a byte-level BPE makes, and what its tokenizer works from.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace slm {

struct BpeVocabulary {
  std::vector<std::string> tokens;                  // by id: the bytes that it stands for
  std::vector<std::pair<int32_t, int32_t>> merges;  // (left id, right id), the first to be made first
  std::vector<std::string> special;                 // have the first ids; taken whole out of a text, never merged
};

}  // namespace slm
