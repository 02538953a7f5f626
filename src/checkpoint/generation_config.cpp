#include "checkpoint/generation_config.h"

#include <limits>
#include <string>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace slm {
namespace {

int32_t checked_id(const nlohmann::json& value, const std::string& origin) {
  if (value.is_number_unsigned() && value.get<uint64_t>() <= std::numeric_limits<int32_t>::max()) {
    return value.get<int32_t>();
  }
  fail(ExitCode::kData, "{}: eos_token_id: found {}, expected a token id, a list of them, or null", origin,
       quote_json(value.dump()));
}

}  // namespace

std::vector<int32_t> read_end_of_text(const std::filesystem::path& folder) {
  for (const char* name : {"generation_config.json", "config.json"}) {
    const auto path = folder / name;
    if (!std::filesystem::exists(path)) continue;
    const auto json = parse_json(read_file(path), path.string());
    const auto found = json.find("eos_token_id");
    if (found == json.end() || found->is_null()) continue;
    std::vector<int32_t> ids;
    if (!found->is_array()) return {checked_id(*found, path.string())};
    for (const auto& id : *found) ids.push_back(checked_id(id, path.string()));
    return ids;
  }
  return {};
}

}  // namespace slm
