// Parameters, floating point operations and memory of a model, counted from its shape before anything is allocated.
#pragma once

#include <cstdint>
#include <string>

#include "model/transformer_config.h"

namespace slm {

struct ModelSize {
  int64_t parameters = 0;                // each once; a tied head adds none
  int64_t hidden_matrix_parameters = 0;  // of the weights of the blocks' linear layers
  int64_t matmul_parameters = 0;         // of the weights that enter products: linear layers and head
  /// Floating point operations for one token in a window of T, forward and backward: 6 a matmul parameter and
  /// 12 L H D T for attention, its upper triangle counted in full (Chowdhery et al. 2022, arXiv:2204.02311, appendix
  /// B).
  int64_t training_flops_per_token = 0;
  /// float32 parameters, gradients and the two moments of AdamW, bytes. Activations come on top.
};

ModelSize model_size(const TransformerConfig& config);

/// "llama: 4 layers x 128, 4 heads, 820,608 parameters, 5.9 MFLOP a token"
std::string describe(const TransformerConfig& config);

}  // namespace slm
