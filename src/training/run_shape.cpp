#include "training/run_shape.h"

#include <algorithm>

#include "checkpoint/model_folder.h"
#include "core/error.h"
#include "data/chat/chat_template.h"
#include "model/freeze.h"
#include "training/builders.h"

namespace slm {

void take_model_of(const std::filesystem::path& folder, ModelConfig& model) {
  const auto theirs = model_config(read_model_config(folder));
  const auto take = [&](auto& ours, const auto& value, const char* key) {
    if (ours && ours != value) {
      fail(ExitCode::kUsage, "model.{}: found {}, but init_from {} has {}; leave it out", key, *ours, folder.string(),
           value ? fmt::format("{}", *value) : "none");
    }
    ours = value;
  };
  model.architecture = theirs.architecture;
  // A shorter window than the model can see is legal.
  if (!model.max_sequence_length) model.max_sequence_length = theirs.max_sequence_length;
  take(model.vocab_size, theirs.vocab_size, "vocab_size");
  take(model.n_layers, theirs.n_layers, "n_layers");
  take(model.n_heads, theirs.n_heads, "n_heads");
  take(model.n_kv_heads, theirs.n_kv_heads, "n_kv_heads");
  take(model.head_dim, theirs.head_dim, "head_dim");
  take(model.d_model, theirs.d_model, "d_model");
  take(model.d_ff, theirs.d_ff, "d_ff");
  take(model.norm, theirs.norm, "norm");
  take(model.norm_eps, theirs.norm_eps, "norm_eps");
  take(model.activation, theirs.activation, "activation");
  take(model.position, theirs.position, "position");
  take(model.rope_theta, theirs.rope_theta, "rope_theta");
  take(model.rope_scaling, theirs.rope_scaling, "rope_scaling");
  take(model.rope_scaling_factor, theirs.rope_scaling_factor, "rope_scaling_factor");
  take(model.rope_low_freq_factor, theirs.rope_low_freq_factor, "rope_low_freq_factor");
  take(model.rope_high_freq_factor, theirs.rope_high_freq_factor, "rope_high_freq_factor");
  take(model.rope_original_max_position_embeddings, theirs.rope_original_max_position_embeddings,
       "rope_original_max_position_embeddings");
  take(model.qk_norm, theirs.qk_norm, "qk_norm");
  take(model.bias, theirs.bias, "bias");
  take(model.qkv_bias, theirs.qkv_bias, "qkv_bias");
  take(model.tie_embeddings, theirs.tie_embeddings, "tie_embeddings");
  take(model.initializer_range, theirs.initializer_range, "initializer_range");
}

void keep_parts_of(const std::filesystem::path& folder, TransformerConfig& shape) {
  const auto theirs = read_model_config(folder);
  const int64_t longest = theirs.max_sequence_length;
  if (shape.max_sequence_length > longest) {
    fail(ExitCode::kUsage, "model.max_sequence_length: found {}, but the model of {} sees at most {}",
         shape.max_sequence_length, folder.string(), longest);
  }
  shape.max_sequence_length = longest;
  shape.special_tokens = theirs.special_tokens;
}

SpecialTokens special_tokens_of(const Tokenizer& tokenizer) {
  SpecialTokens ids;
  if (const auto id = tokenizer.begin_of_text()) ids.bos = {*id};
  if (const auto id = tokenizer.end_of_text()) ids.eos = {*id};
  return ids;
}

namespace {

// Whether all ids that the model lacks are the chat template's tokens, which the preparation of conversations has
// added.
bool lacks_only_chat_tokens(const Tokenizer& tokenizer, int64_t vocab_size) {
  const auto tokens = find_chat_tokens(tokenizer);
  if (!tokens) return false;
  for (auto id = static_cast<int32_t>(vocab_size); id < tokenizer.vocab_size(); ++id) {
    if (id != tokens->begin && id != tokens->end) return false;
  }
  return true;
}

}  // namespace

void take_vocabulary_of(const Tokenizer& tokenizer, bool may_grow, ModelConfig& model) {
  if (!model.vocab_size) model.vocab_size = tokenizer.vocab_size();
  if (may_grow && lacks_only_chat_tokens(tokenizer, *model.vocab_size)) {
    model.vocab_size = std::max(*model.vocab_size, tokenizer.vocab_size());
  }
  if (*model.vocab_size < tokenizer.vocab_size()) {
    fail(ExitCode::kUsage, "model.vocab_size: found {}, but the tokenizer has {} tokens; leave it out",
         *model.vocab_size, tokenizer.vocab_size());
  }
}

std::set<std::string> parameters_to_freeze(const TrainingConfig& config) {
  if (config.freeze.empty()) return {};
  auto model = config.model;
  model.vocab_size = model.vocab_size.value_or(1);
  return frozen_parameters(transformer_config(model), config.freeze);
}

}  // namespace slm
