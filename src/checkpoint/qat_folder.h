// A model that is being trained for quantization: a float folder whose weights are the masters, with
// quantization_metadata.json, whose `qat` says how its layers compute, and where scales are learned
// qat_scales.safetensors.
#pragma once

#include <filesystem>

#include "checkpoint/model_folder.h"
#include "checkpoint/state_dict.h"
#include "quantization/metadata.h"

namespace slm {

inline constexpr const char* kQatScalesFile = "qat_scales.safetensors";

/// Whether quantization-aware training goes on from the folder.
bool is_qat_folder(const std::filesystem::path& folder);

/// Adds the two files to a float folder.
void write_qat_files(const std::filesystem::path& folder, const QuantizationMetadata& metadata,
                     const StateDict& learned_scales);

/// The metadata of such a folder; errors as of parse_metadata.
QuantizationMetadata read_qat_metadata(const std::filesystem::path& folder);

/// Whether the model that it tells of computes with what codes stand for; before that it is a float one.
bool qat_has_begun(const QuantizationMetadata& metadata);

/// The model as its training left it: fake-quantized where that has begun, without its tokenizer. Not to be trained.
/// Error (kUsage) where the settings ask for another dtype than float32.
LoadedModel read_qat_folder(const std::filesystem::path& folder, const ArenaSettings& settings);

}  // namespace slm
