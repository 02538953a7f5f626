#include "cli/adapter_option.h"

#include "checkpoint/adapted_model.h"

namespace slm::cli {

void add_adapter_option(CLI::App& command, std::string& adapter) {
  command.add_option("--adapter", adapter, "Folder of a LoRA adapter, as peft saves one, that lies over the model");
}

LoadedModel read_under_adapter(const std::filesystem::path& checkpoint, const std::string& adapter,
                               const ArenaSettings& settings) {
  if (adapter.empty()) return read_model_folder(checkpoint, settings);
  return read_with_adapter(checkpoint, adapter, settings);
}

}  // namespace slm::cli
