// The shape of one transformer, every value given. What a person writes (model: in the YAML) is ModelConfig.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace slm {

enum class NormKind { kRmsNorm, kLayerNorm };
enum class Activation { kSwiGlu, kGelu, kGeluNew };  // gelu: exact (erf); gelu_new: the tanh approximation of GPT-2
enum class PositionKind { kRope, kLearned };

/// Llama 3.1's change of RoPE's wavelengths, with the numbers of that release (see Rope).
struct RopeScaling {
  double factor = 8.0;
  double low_freq_factor = 1.0, high_freq_factor = 4.0;  // the second is the larger one
  int64_t original_max_position_embeddings = 8192;       // tokens that the model was trained on before

  bool operator==(const RopeScaling&) const = default;
};

/// Ids that config.json names and slm passes on: none, one, or several (Llama 3 has several ends).
struct SpecialTokens {
  std::vector<int64_t> bos, eos, pad;

  bool operator==(const SpecialTokens&) const = default;
};

struct TransformerConfig {
  std::string architecture = "llama";  // llama, gpt2, qwen2 or qwen3: which Hugging Face class it is meant for
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
  std::optional<RopeScaling> rope_scaling = {};
  bool qk_norm = false;
  bool bias = false;      // of LayerNorm and of linear layers, those of q, k and v excepted
  bool qkv_bias = false;  // of the projections to q, k and v
  bool tie_embeddings = false;
  double initializer_range = 0.02;
  SpecialTokens special_tokens = {};

  bool operator==(const TransformerConfig&) const = default;
};

}  // namespace slm
