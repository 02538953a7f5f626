#include "model/model_size.h"

#include <fmt/format.h>

#include "core/numbers.h"

namespace slm {

ModelSize model_size(const TransformerConfig& c) {
  const int64_t query = c.n_heads * c.head_dim, key = c.n_kv_heads * c.head_dim;
  const int64_t up_matrices = c.activation == Activation::kSwiGlu ? 2 : 1;
  const bool norm_bias = c.bias && c.norm == NormKind::kLayerNorm;
  const int64_t norm = c.d_model * (norm_bias ? 2 : 1);

  const int64_t block_matrices = c.d_model * (2 * query + 2 * key) + (up_matrices + 1) * c.d_model * c.d_ff;
  const int64_t qkv_biases = c.qkv_bias ? query + 2 * key : 0;
  const int64_t other_biases = c.bias ? c.d_model + up_matrices * c.d_ff + c.d_model : 0;
  const int64_t block = block_matrices + qkv_biases + other_biases + 2 * norm + (c.qk_norm ? 2 * c.head_dim : 0);
  const int64_t embedding = c.vocab_size * c.d_model;
  const int64_t positions = c.position == PositionKind::kLearned ? c.max_sequence_length * c.d_model : 0;

  ModelSize size;
  size.parameters = embedding * (c.tie_embeddings ? 1 : 2) + positions + c.n_layers * block + norm;
  size.hidden_matrix_parameters = c.n_layers * block_matrices;
  size.matmul_parameters = size.hidden_matrix_parameters + embedding;
  size.training_flops_per_token = 6 * size.matmul_parameters + 12 * c.n_layers * query * c.max_sequence_length;
  return size;
}

std::string describe(const TransformerConfig& config) {
  const auto size = model_size(config);
  return fmt::format("{}: {} layers x {}, {} heads, {} parameters, {:.2f} MFLOP a token", config.architecture,
                     config.n_layers, config.d_model, config.n_heads, with_commas(size.parameters),
                     static_cast<double>(size.training_flops_per_token) / 1e6);
}

}  // namespace slm
