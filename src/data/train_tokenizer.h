// `data.tokenizer: bpe`: a byte-level BPE trained on the training text.
#pragma once

#include <cstdint>
#include <memory>

#include "data/data_inputs.h"
#include "data/tokenizer.h"

namespace slm {

/// The vocabulary is the end of text, the 256 bytes and merges, `vocab_size` in all or fewer where the text holds no
/// more pairs. It depends neither on `threads` nor on how the text lies in files. Memory grows with the number of
/// different words, not with the text. Error (kUsage) where `vocab_size` is below 257; (kData) naming the file: as of
/// ChunkReader, or a token file.
std::shared_ptr<const Tokenizer> train_tokenizer(const DataInputs& inputs, int64_t vocab_size, int threads);

}  // namespace slm
