#include "checkpoint/generation_config.h"

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "data/chat/chat_template.h"

namespace slm {

std::vector<int64_t> read_end_of_text(const std::filesystem::path& folder, const TransformerConfig& config) {
  const auto path = folder / "generation_config.json";
  if (!std::filesystem::exists(path)) return config.special_tokens.eos;
  const auto json = parse_json(read_file(path), path.string());
  const auto found = json.find("eos_token_id");
  if (found == json.end() || found->is_null()) return config.special_tokens.eos;
  std::vector<int64_t> ids;
  for (const auto& id : found->is_array() ? *found : nlohmann::json::array({*found})) {
    if (!id.is_number_unsigned()) {
      fail(ExitCode::kData, "{}: eos_token_id: found {}, expected a token id, a list of them, or null", path.string(),
           quote_json(id.dump()));
    }
    ids.push_back(id.get<int64_t>());
  }
  return ids;
}

std::string generation_config_json(const TransformerConfig& config, const Tokenizer* tokenizer) {
  nlohmann::ordered_json json = {{"_from_model_config", true}};
  if (const auto chat = tokenizer ? find_chat_tokens(*tokenizer) : std::nullopt) {
    auto ends = config.special_tokens.eos;
    if (std::find(ends.begin(), ends.end(), chat->end) == ends.end()) ends.push_back(chat->end);
    json = {{"eos_token_id", ends}};
  }
  return json.dump(2) + "\n";
}

}  // namespace slm
