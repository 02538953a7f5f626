// A model under its adapters, as two things or as one.
#pragma once

#include <filesystem>

#include "checkpoint/adapter_folder.h"
#include "checkpoint/model_folder.h"

namespace slm {

/// Puts the adapter of `adapter` (a folder as of peft) over a model that was read with `settings`, and logs it.
void put_adapter_over(LoadedModel& loaded, const std::filesystem::path& adapter, const ArenaSettings& settings);

/// The model of a folder under the adapter of another one (peft's or slm's). Errors as of read_model_folder and
/// read_adapter; (kUsage) where the folder has an adapter of its own, or is being trained for quantization.
LoadedModel read_with_adapter(const std::filesystem::path& folder, const std::filesystem::path& adapter,
                              const ArenaSettings& settings = {});

/// Fills an arena of float weights with those of a folder's model, of codes with their values, and adds the adapter's
/// change to them: the merged model. `config` is of the folder.
void load_merged(const std::filesystem::path& folder, const std::filesystem::path& adapter,
                 const TransformerConfig& config, const ParameterArena& arena);

/// The merged model as a float one of its own, with the folder's tokenizer. Its logits are those of the adapted model,
/// but for rounding and for what the base does to activations where it is quantized.
LoadedModel read_merged(const std::filesystem::path& folder, const std::filesystem::path& adapter);

}  // namespace slm
