// The end of the training tokens as validation tokens.
#pragma once

#include <filesystem>
#include <vector>

#include "data/data_record.h"
#include "data/shard_writer.h"
#include "data/token_stream.h"

namespace slm {

/// Shards of one stream that lie in `folder`.
TokenStream open_stream(const StreamRecord& stream, const std::filesystem::path& folder, int64_t vocab_size);

/// Where the validation part of a text begins: floor(size (1 - fraction)) tokens are left for training; where there are
/// several documents the beginning of the nearest one, if that changes neither part by more than half of the smaller
/// share.
int64_t find_cut(const TokenStream& tokens, double fraction);

struct SplitTokens {
  std::vector<StreamRecord> train;
  StreamRecord validation;
};

/// Cuts each stream, whose shards lie in `validation.folder`, and writes the ends to one stream there. A shard that is
/// cut is written shorter to `replaced`; the shards themselves stay, so that this can be done again.
SplitTokens split_validation(const std::vector<StreamRecord>& streams, double fraction, const ShardSettings& validation,
                             const std::filesystem::path& replaced);

}  // namespace slm
