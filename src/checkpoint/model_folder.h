// A model's folder as Hugging Face has it: config.json, generation_config.json, tokenizer.json, tokenizer_config.json
// and model.safetensors.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "data/tokenizer.h"
#include "model/parameter_arena.h"
#include "model/transformer.h"
#include "quantization/metadata.h"

namespace slm {

class FakeQuantization;

/// A model with its parameters in an arena.
struct LoadedModel {
  std::shared_ptr<Transformer> model;
  std::shared_ptr<ParameterArena> arena;
  std::shared_ptr<const Tokenizer> tokenizer;                // null where the folder has no tokenizer.json
  std::optional<QuantizationMetadata> quantization = {};     // of a quantized folder: its linear layers are packed
  std::shared_ptr<FakeQuantization> fake_quantization = {};  // of one that is being trained for quantization, else null
};

/// Makes the model, lays its parameters into an arena and joins its projections. The parameters have no values yet.
LoadedModel build_model(const TransformerConfig& config, const ArenaSettings& settings);

/// Writes the five files (tokenizer files only with a tokenizer); parameters by the names of the Hugging Face class.
void write_model_folder(const std::filesystem::path& folder, const TransformerConfig& config,
                        const ParameterArena& arena, const Tokenizer* tokenizer);

/// config.json of a folder. Error (kData) where it is missing, or asks for what slm does not do.
TransformerConfig read_model_config(const std::filesystem::path& folder);

/// Reads a folder that write_model_folder or `transformers` wrote; float32, bfloat16 and float16 become what the arena
/// holds. Of a folder that write_quantized_folder wrote the quantized layers are packed ones, as their codes say, and
/// the arena holds the rest; of a folder of quantization-aware training they are fake-quantized. Error (kData) naming
/// the tensor that is missing, unknown, or whose shape contradicts config.json.
LoadedModel read_model_folder(const std::filesystem::path& folder, const ArenaSettings& settings = {});

/// As read_model_folder, but without the adapters that the folder has.
LoadedModel read_base_folder(const std::filesystem::path& folder, const ArenaSettings& settings = {});

/// Fills the parameters of a model of shape `config` from the folder's safetensors files, one or several; same errors,
/// and one for a quantized folder.
/// The last `new_tokens` of the vocabulary are not in the files: their rows of embedding and head become the mean of
/// the others, as Hewitt 2021 advises ("Initializing New Word Embeddings for Pretrained Language Models").
void load_parameters(const std::filesystem::path& folder, const TransformerConfig& config, const ParameterArena& arena,
                     int64_t new_tokens = 0);

}  // namespace slm
