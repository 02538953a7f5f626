// The `model:` block: the shape of a transformer, as a person writes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/field.h"

namespace slm {

/// Fields that are not given follow from `architecture` and from other fields, see resolve_model_defaults.
struct ModelConfig {
  // An empty initializer each, so that designated initializers may leave fields out.
  std::string architecture = "llama";
  std::optional<int64_t> vocab_size = {}, max_sequence_length = {};
  std::optional<int64_t> n_layers = {}, n_heads = {}, n_kv_heads = {}, head_dim = {}, d_model = {}, d_ff = {};
  std::optional<std::string> norm = {}, activation = {}, position = {};
  std::optional<double> norm_eps = {}, rope_theta = {}, initializer_range = {};
  std::optional<std::string> rope_scaling = {};
  std::optional<double> rope_scaling_factor = {}, rope_low_freq_factor = {}, rope_high_freq_factor = {};
  std::optional<int64_t> rope_original_max_position_embeddings = {};
  std::optional<bool> qk_norm = {}, bias = {}, qkv_bias = {}, tie_embeddings = {};
  double dropout = 0;

  /// Sizes end here, so that no product of three of them leaves int64.
  static constexpr double kMaxSize = 1e6;

  template <class Visitor>
  void visit(Visitor& v) {
    using enum Resume;
    v.field(
        "architecture", architecture, OneOf{"llama", "gpt2", "qwen2", "qwen3"}, kFixed,
        "Family whose parts fill in what is not given: llama (RMSNorm, SwiGLU, RoPE), gpt2 (LayerNorm, GELU, learned "
        "positions, biases, tied), qwen2 (llama with biases on q, k and v), qwen3 (llama with query/key norm, tied).");
    v.field("vocab_size", vocab_size, Between{1, kMaxSize}, kFixed,
            "Rows of the embedding; the tokenizer's vocabulary where not given, never less than it.");
    v.field("max_sequence_length", max_sequence_length, Between{1, kMaxSize}, kFixed,
            "Tokens in a training window, T.");
    v.field("n_layers", n_layers, Between{1, kMaxSize}, kFixed, "Transformer blocks.");
    v.field("n_heads", n_heads, Between{1, kMaxSize}, kFixed, "Query heads.");
    v.field("n_kv_heads", n_kv_heads, Between{1, kMaxSize}, kFixed,
            "Key/value heads, a divisor of n_heads; n_heads where not given.");
    v.field("head_dim", head_dim, Between{1, kMaxSize}, kFixed,
            "Width of a head; d_model / n_heads where not given. Even under RoPE.");
    v.field("d_model", d_model, Between{1, kMaxSize}, kFixed, "Width of the residual stream.");
    v.field(
        "d_ff", d_ff, Between{1, kMaxSize}, kFixed,
        "Inner width of the MLP. Where not given: 4 d_model for gpt2, otherwise 8/3 d_model rounded up to a multiple "
        "of 32.");
    v.field("norm", norm, OneOf{"rmsnorm", "layernorm"}, kFixed,
            "Normalization; layernorm for gpt2, otherwise rmsnorm, where not given.");
    v.field("norm_eps", norm_eps, Above{0}, kFixed,
            "Epsilon inside the norm's root; 1e-6 for qwen2 and qwen3, otherwise 1e-5, where not given.");
    v.field(
        "activation", activation, OneOf{"swiglu", "gelu", "gelu_new"}, kFixed,
        "MLP activation: gelu is exact (erf), gelu_new its tanh form. gelu_new for gpt2, otherwise swiglu, where not "
        "given.");
    v.field("position", position, OneOf{"rope", "learned"}, kFixed,
            "Position encoding; learned for gpt2, otherwise rope, where not given.");
    v.field("rope_theta", rope_theta, Above{0}, kFixed,
            "Base of RoPE's wavelengths; 1e6 for qwen3, otherwise 10000, where not given. Only with position rope.");
    v.field(
        "rope_scaling", rope_scaling, OneOf{"llama3"}, kFixed,
        "llama3: RoPE's long wavelengths are stretched as in Llama 3.1, for windows longer than those that the model "
        "was trained on before; null: not. Only with position rope.");
    v.field("rope_scaling_factor", rope_scaling_factor, AtLeast{1}, kFixed,
            "How much longer the long wavelengths become; 8 where not given. Only with rope_scaling.");
    v.field("rope_low_freq_factor", rope_low_freq_factor, Above{0}, kFixed,
            "Wavelengths longer than rope_original_max_position_embeddings / this are stretched in full; 1 where not "
            "given. Only with rope_scaling.");
    v.field("rope_high_freq_factor", rope_high_freq_factor, Above{0}, kFixed,
            "Wavelengths shorter than rope_original_max_position_embeddings / this stay; 4 where not given, above "
            "rope_low_freq_factor. Only with rope_scaling.");
    v.field("rope_original_max_position_embeddings", rope_original_max_position_embeddings, Between{1, kMaxSize},
            kFixed, "Tokens in a window of the earlier training; 8192 where not given. Only with rope_scaling.");
    v.field("qk_norm", qk_norm, Any{}, kFixed,
            "RMSNorm on each head's queries and keys before RoPE; true for qwen3, otherwise false, where not given.");
    v.field(
        "bias", bias, Any{}, kFixed,
        "Biases in LayerNorm and in linear layers, for q, k and v see qkv_bias; true for gpt2, otherwise false, where "
        "not given.");
    v.field("qkv_bias", qkv_bias, Any{}, kFixed,
            "Biases in the projections to q, k and v; true for qwen2, otherwise the value of bias, where not given.");
    v.field("dropout", dropout, HalfOpen{0, 1}, kFixed,
            "Share of the numbers that are set to 0 while training, where the embeddings and the two halves of each "
            "block join the residual stream. Attention weights are never dropped.");
    v.field("tie_embeddings", tie_embeddings, Any{}, kFixed,
            "The head's weight is the embedding; true for gpt2 and qwen3, otherwise false, where not given.");
    v.field("initializer_range", initializer_range, Above{0}, kFixed,
            "Standard deviation of the initial weights; 0.02 where not given.");
  }
};

}  // namespace slm
