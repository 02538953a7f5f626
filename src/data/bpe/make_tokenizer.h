// From a trained vocabulary to a tokenizer.
#pragma once

#include <memory>

#include "data/bpe/bpe_vocabulary.h"
#include "data/bpe/pre_tokenizer.h"
#include "data/tokenizer.h"

namespace slm {

/// A tokenizer that cuts text as the vocabulary's training did, adds nothing to it and normalizes nothing.
std::shared_ptr<const Tokenizer> make_bpe_tokenizer(const BpeVocabulary& vocabulary,
                                                    std::unique_ptr<const PreTokenizer> pre_tokenizer);

}  // namespace slm
