// The sources' tokens, written shard after shard; what is finished when the process ends is not done again.
#pragma once

#include <filesystem>
#include <span>

#include "data/data_inputs.h"
#include "data/data_record.h"
#include "data/tokenizer.h"

namespace slm {

struct TokenizeSettings {
  int threads = 1;
  std::filesystem::path tokens;   // the folder of the shards
  std::filesystem::path journal;  // written after each
};

/// Writes what `journal` says is still missing of the streams, and brings it up to date. The shards are the same for
/// every number of threads and however often this was begun again. Errors as of ChunkReader and encode_chunk, the first
/// in the order of the text.
void tokenize_streams(const DataInputs& inputs, const Tokenizer& tokenizer, const TokenizeSettings& settings,
                      PrepareJournal& journal);

}  // namespace slm
