// What a Hugging Face folder says about generating.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace slm {

/// The ids that end a text: eos_token_id, a number or a list, of generation_config.json or else of config.json. Empty
/// where neither names one. Error (kData) where it is something else.
std::vector<int32_t> read_end_of_text(const std::filesystem::path& folder);

}  // namespace slm
