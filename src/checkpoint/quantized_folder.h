// A quantized model's folder: as a float one's, with codes and scales in model.safetensors, and
// quantization_metadata.json.
#pragma once

#include <filesystem>

#include "checkpoint/model_folder.h"
#include "data/tokenizer.h"
#include "model/transformer.h"
#include "quantization/metadata.h"

namespace slm {

/// Whether the folder's linear layers are codes. A float model has no quantization_metadata.json; one that is being
/// trained for quantization has one, and float masters (checkpoint/qat_folder.h).
bool is_quantized_folder(const std::filesystem::path& folder);

/// Error (kData) for a quantized folder, where only a float model is of use.
void expect_float_folder(const std::filesystem::path& folder);

/// The reverse.
void expect_quantized_folder(const std::filesystem::path& folder);

/// Writes the folder's files but for the manifest (tokenizer files only with a tokenizer) and residual.safetensors
/// (checkpoint/residual_file.h), which a metadata with residual_bits asks for. The model's PackedLinear and
/// TrainablePackedLinear layers are those that `metadata` lists; of an `arena` that is given the float parameters are
/// the masters. What other programs can load as well has the names and the
/// quantization_config of its Hugging Face class; anything else has canonical names, model_type "slm", and a log line
/// that says why.
void write_quantized_folder(const std::filesystem::path& folder, Transformer& model,
                            const QuantizationMetadata& metadata, const Tokenizer* tokenizer,
                            const ParameterArena* arena = nullptr);

/// Fills the float parameters of an arena with a quantized folder's: with the values of the codes where a layer has
/// some; `with_residual` where the folder keeps one. Gives each layer's scales. Errors as below; the arena is of the
/// same model.
ScalesByLayer load_dequantized(const std::filesystem::path& folder, const ParameterArena& arena,
                               bool with_residual = false);

/// The model that write_quantized_folder wrote, without its tokenizer; the arena holds what is float. Error (kData)
/// where the metadata, the tensors and config.json contradict each other.
LoadedModel read_quantized_folder(const std::filesystem::path& folder, const ArenaSettings& settings);

}  // namespace slm
