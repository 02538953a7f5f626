#include "checkpoint/adapted_model.h"

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include "checkpoint/qat_folder.h"
#include "checkpoint/quantized_folder.h"
#include "core/error.h"
#include "core/log.h"
#include "model/adapters.h"

namespace slm {
namespace fs = std::filesystem;

void put_adapter_over(LoadedModel& loaded, const std::filesystem::path& adapter, const ArenaSettings& settings) {
  const auto adapters = attach_adapters(*loaded.model, read_adapter(adapter, loaded.model->config()),
                                        {.dtype = settings.dtype, .device = settings.device});
  const auto& shapes = adapters.shapes();
  log_info("{}: adapters of rank {} over {} linear layers; the model is read under them", adapter.string(),
           shapes[0].rank, shapes.size());
}

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
  auto values = arena.by_name();
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
