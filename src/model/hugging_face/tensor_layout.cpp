#include "model/hugging_face/tensor_layout.h"

#include <fmt/format.h>

#include "model/hugging_face/config_json.h"

namespace slm {
namespace {

// One part under the canonical name, as Llama, Qwen2 and Qwen3 have it.
FileTensor same(const std::string& name) { return {name, {name}}; }

std::vector<FileTensor> llama_layout(const TransformerConfig& config) {
  std::vector<FileTensor> layout{same("model.embed_tokens.weight")};
  if (config.position == PositionKind::kLearned) layout.push_back(same("model.embed_positions.weight"));
  const bool norm_bias = config.bias && config.norm == NormKind::kLayerNorm;
  const auto add = [&](const std::string& module, bool bias) {
    layout.push_back(same(module + ".weight"));
    if (bias) layout.push_back(same(module + ".bias"));
  };
  for (int64_t i = 0; i < config.n_layers; ++i) {
    const std::string block = fmt::format("model.layers.{}.", i);
    add(block + "input_layernorm", norm_bias);
    for (const char* name : {"q_proj", "k_proj", "v_proj"}) add(block + "self_attn." + name, config.qkv_bias);
    add(block + "self_attn.o_proj", config.bias);
    if (config.qk_norm) {
      for (const char* name : {"q_norm", "k_norm"}) add(block + "self_attn." + name, false);
    }
    add(block + "post_attention_layernorm", norm_bias);
    if (config.activation == Activation::kSwiGlu) add(block + "mlp.gate_proj", config.bias);
    for (const char* name : {"up_proj", "down_proj"}) add(block + "mlp." + name, config.bias);
  }
  add("model.norm", norm_bias);
  if (!config.tie_embeddings) add("lm_head", false);
  return layout;
}

std::vector<FileTensor> gpt2_layout(const TransformerConfig& config) {
  std::vector<FileTensor> layout{{"transformer.wte.weight", {"model.embed_tokens.weight"}},
                                 {"transformer.wpe.weight", {"model.embed_positions.weight"}}};
  // GPT-2's Conv1D stores (in, out), so that its matrices are transposed.
  const auto add = [&](const std::string& name, const std::vector<std::string>& modules, bool transposed) {
    FileTensor weight{name + ".weight", {}, transposed}, bias{name + ".bias", {}, false, !config.bias};
    for (const auto& module : modules) {
      weight.parts.push_back(module + ".weight");
      bias.parts.push_back(module + ".bias");
    }
    layout.push_back(weight);
    layout.push_back(bias);
  };
  for (int64_t i = 0; i < config.n_layers; ++i) {
    const std::string theirs = fmt::format("transformer.h.{}.", i), ours = fmt::format("model.layers.{}.", i);
    const std::string attention = ours + "self_attn.";
    add(theirs + "ln_1", {ours + "input_layernorm"}, false);
    add(theirs + "attn.c_attn", {attention + "q_proj", attention + "k_proj", attention + "v_proj"}, true);
    add(theirs + "attn.c_proj", {attention + "o_proj"}, true);
    add(theirs + "ln_2", {ours + "post_attention_layernorm"}, false);
    add(theirs + "mlp.c_fc", {ours + "mlp.up_proj"}, true);
    add(theirs + "mlp.c_proj", {ours + "mlp.down_proj"}, true);
  }
  add("transformer.ln_f", {"model.norm"}, false);
  if (!config.tie_embeddings) layout.push_back(same("lm_head.weight"));
  return layout;
}

}  // namespace

std::vector<FileTensor> file_layout(const TransformerConfig& config) {
  return hugging_face_class(config).name == "GPT2LMHeadModel" ? gpt2_layout(config) : llama_layout(config);
}

std::vector<std::string> parameter_names(const TransformerConfig& config) {
  std::vector<std::string> names;
  for (const auto& tensor : file_layout(config)) {
    if (!tensor.always_zero) names.insert(names.end(), tensor.parts.begin(), tensor.parts.end());
  }
  return names;
}

bool ignorable_tensor(const TransformerConfig& config, const std::string& name) {
  if (name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") || name.ends_with(".rotary_emb.inv_freq")) {
    return true;
  }
  return config.tie_embeddings && name == "lm_head.weight";
}

}  // namespace slm
