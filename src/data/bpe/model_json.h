// The "model" and "added_tokens" of a byte-level BPE's tokenizer.json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/bpe/added_tokens.h"
#include "data/bpe/bpe_model.h"

namespace slm {

struct BpeTables {
  BpeModelParts model;
  std::vector<AddedToken> added_tokens;  // in the order of their ids
};

/// Reads both. `origin` (the file's path) begins the message of an Error (kData), which names the key, or the token or
/// merge: what slm does not do, tokens that stand for no bytes, doubled ids, ids that nobody has, merges of tokens that
/// are missing.
BpeTables read_bpe_tables(const nlohmann::json& model, const nlohmann::json* added_tokens, const std::string& origin);

/// The values of the two keys, as Hugging Face writes them (merges as pairs).
nlohmann::ordered_json model_json(const BpeModelParts& model);
nlohmann::ordered_json added_token_json(const AddedToken& token);
nlohmann::ordered_json added_tokens_json(const std::vector<AddedToken>& tokens);

}  // namespace slm
