#include "checkpoint/adapted_model.h"

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <map>

#include "checkpoint/qat_folder.h"
#include "checkpoint/quantized_folder.h"
#include "core/error.h"

namespace slm {
namespace fs = std::filesystem;

LoadedModel read_with_adapter(const fs::path& folder, const fs::path& adapter, const ArenaSettings& settings) {
  if (has_adapter(folder)) {
    fail(ExitCode::kUsage, "--adapter: {} has an adapter of its own; merge it first, with slm merge", folder.string());
  }
  // Under it the layers compute with quantized weights, and merging would add to the masters.
  if (is_qat_folder(folder)) {
    fail(ExitCode::kUsage, "--adapter: {} is being trained for quantization; quantize it first, with slm quantize",
         folder.string());
  }
  auto loaded = read_base_folder(folder, settings);
  put_adapter_over(loaded, adapter, settings);
  return loaded;
}

void load_merged(const fs::path& folder, const fs::path& adapter, const TransformerConfig& config,
                 const ParameterArena& arena) {
  const c10::NoGradGuard no_grad;
  if (is_quantized_folder(folder)) {
    load_dequantized(folder, arena);
  } else {
    load_parameters(folder, config, arena);
  }
  std::map<std::string, at::Tensor> values;
  for (const auto& [name, value] : arena.values()) values[name] = value;
  for (const auto& weights : read_adapter(adapter, config)) values.at(weights.layer + ".weight") += weights.change();
  arena.update_shadows();
}

LoadedModel read_merged(const fs::path& folder, const fs::path& adapter) {
  const auto config = read_model_config(folder);
  auto loaded = build_model(config, {});
  load_merged(folder, adapter, config, *loaded.arena);
  if (fs::exists(folder / "tokenizer.json")) loaded.tokenizer = load_tokenizer(folder / "tokenizer.json");
  return loaded;
}

}  // namespace slm
