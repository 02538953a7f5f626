// The text files of a model's folder.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "data/tokenizer.h"
#include "model/transformer_config.h"

namespace slm {

/// A new file that is on the disk on return. Error (kFailed) as of FileWriter.
void write_text(const std::filesystem::path& path, std::string_view text);

/// config.json with `config_json`, generation_config.json, and with a tokenizer tokenizer.json and
/// tokenizer_config.json.
void write_description(const std::filesystem::path& folder, const nlohmann::ordered_json& config_json,
                       const TransformerConfig& config, const Tokenizer* tokenizer);

}  // namespace slm
