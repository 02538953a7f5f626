// What training the codes of a quantized model begins with, beside the codes.
#pragma once

#include <filesystem>

#include "config/quantization_config.h"
#include "quantization/metadata.h"
#include "training/quantized_finetuning.h"

namespace slm {

/// quantization_residual_bits as they are given; else as many as training has kept so far, or `slm quantize` has; else
/// 4 at 4 bits, and 0 at 8.
int residual_bits_of(const QuantizationConfig& config, const QuantizationMetadata& parent);

/// Where the folder keeps a residual, the codes' numbers become those of the model that it was made from. With another
/// number of bits they are converted, and a line of the log says so. Errors as of ResidualFile.
void begin_with_kept_residual(const QuantizedFinetuning& codes, const std::filesystem::path& folder,
                              const QuantizationMetadata& metadata);

}  // namespace slm
