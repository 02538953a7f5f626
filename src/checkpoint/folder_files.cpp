#include "checkpoint/folder_files.h"

#include "checkpoint/generation_config.h"
#include "core/file.h"

namespace slm {

void write_text(const std::filesystem::path& path, std::string_view text) {
  FileWriter writer(path);
  writer.write(text);
  writer.close();
}

void write_description(const std::filesystem::path& folder, const nlohmann::ordered_json& config_json,
                       const TransformerConfig& config, const Tokenizer* tokenizer) {
  write_text(folder / "config.json", config_json.dump(2) + "\n");
  write_text(folder / "generation_config.json", generation_config_json(config, tokenizer));
  if (!tokenizer) return;
  write_text(folder / "tokenizer.json", tokenizer->to_json());
  write_text(folder / "tokenizer_config.json", tokenizer_config_json(*tokenizer, config.max_sequence_length));
}

}  // namespace slm
