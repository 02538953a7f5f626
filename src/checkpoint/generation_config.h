// What a Hugging Face folder says about generating.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/tokenizer.h"
#include "model/transformer_config.h"

namespace slm {

/// The ids that end a text: eos_token_id, a number or a list, of generation_config.json, or else the model's own (of
/// config.json). Empty where neither names one. Error (kData) where generation_config.json has something else.
std::vector<int64_t> read_end_of_text(const std::filesystem::path& folder, const TransformerConfig& config);

/// generation_config.json of a checkpoint: with a tokenizer that has the chat template's tokens a turn's end ends a
/// text, as the model's own ends do.
std::string generation_config_json(const TransformerConfig& config, const Tokenizer* tokenizer);

}  // namespace slm
