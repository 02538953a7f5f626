// Training of a byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909; on bytes: Radford et al. 2019).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/bpe/bpe_vocabulary.h"
#include "data/bpe/word_counts.h"

namespace slm {

/// Ids are the `special` tokens, then the 256 bytes in the order of their characters, then one for each merge, until
/// there are `vocab_size`, or fewer where no pair is left. Each merge joins the pair that occurs most often within the
/// words; among equals the one of the smallest (left id, right id). The result is that of Hugging Face's `BpeTrainer`,
/// in every merge. Error (kUsage) where `vocab_size` is too small for the bytes and the special tokens.
BpeVocabulary train_bpe(const WordCounts& words, int64_t vocab_size, const std::vector<std::string>& special = {});

}  // namespace slm
