// A tokenizer from a vocabulary that was trained here.
#pragma once

#include <memory>

#include "data/bpe/bpe_tokenizer.h"
#include "data/bpe/bpe_vocabulary.h"

namespace slm {

/// Cuts text as GPT-2's does and has the vocabulary's merges; its special tokens are added tokens, whose names in a
/// text are text.
std::shared_ptr<const BpeTokenizer> make_bpe_tokenizer(BpeVocabulary vocabulary);

}  // namespace slm
