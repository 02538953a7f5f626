// residual.safetensors: what a quantized folder keeps beside its codes for training them (quantization/residual.h). The
// model's own file and inference know nothing of it.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>

#include "checkpoint/state_dict.h"
#include "formats/safetensors.h"
#include "quantization/metadata.h"
#include "quantization/quantized_weight.h"

namespace slm {

/// Adds the file to a quantized folder whose metadata has residual_bits: `residual.<layer>.weight`.
void write_residuals(const std::filesystem::path& folder, const StateDict& residuals);

/// The name of a layer's residual.
std::string residual_name(const std::string& layer);

class ResidualFile {
 public:
  /// Of a folder whose metadata has residual_bits. Error (kData) naming a tensor that is missing, too many, or of
  /// another dtype or shape than the metadata asks for.
  ResidualFile(const std::filesystem::path& folder, const QuantizationMetadata& metadata);

  /// (N, K) int8, or at 8 bits int16, of the layer whose weight is given. Error (kData) naming row and column of a
  /// number that does not belong to the code there.
  at::Tensor read(const std::string& layer, const QuantizedWeight& weight) const;

 private:
  SafetensorsFile file_;
  int bits_;
};

}  // namespace slm
