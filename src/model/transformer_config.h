// The shape of one transformer, every value given. What a person writes (model: in the YAML) is ModelConfig.
#pragma once

#include <cstdint>
#include <string>

namespace slm {

enum class NormKind { kRmsNorm, kLayerNorm };
enum class Activation { kSwiGlu, kGelu, kGeluNew };  // gelu: exact (erf); gelu_new: the tanh approximation of GPT-2
enum class PositionKind { kRope, kLearned };

struct TransformerConfig {
  std::string architecture = "llama";  // llama, gpt2 or qwen3: which Hugging Face class it is meant for
  int64_t vocab_size = 0;              // V
  int64_t max_sequence_length = 0;     // T at most
  int64_t n_layers = 0;                // L
  int64_t n_heads = 0;                 // H
  int64_t n_kv_heads = 0;              // G
  int64_t head_dim = 0;                // D
  int64_t d_model = 0;                 // C
  int64_t d_ff = 0;                    // F
  NormKind norm = NormKind::kRmsNorm;
  double norm_eps = 1e-5;
  Activation activation = Activation::kSwiGlu;
  PositionKind position = PositionKind::kRope;
  double rope_theta = 10000.0;
  bool qk_norm = false;
  bool bias = false;  // of linear layers and of LayerNorm
  bool tie_embeddings = false;
  double initializer_range = 0.02;

  bool operator==(const TransformerConfig&) const = default;
};

}  // namespace slm
