// config.json of a Hugging Face folder, read and written.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "model/transformer_config.h"

namespace slm {

/// The class of `transformers` that computes what `config` says, or why there is none.
struct HuggingFaceClass {
  std::string name;      // LlamaForCausalLM, GPT2LMHeadModel, Qwen2ForCausalLM, Qwen3ForCausalLM; empty: none fits
  std::string why_none;  // what no class can express
};
HuggingFaceClass hugging_face_class(const TransformerConfig& config);

/// Reads LlamaForCausalLM, GPT2LMHeadModel, Qwen2ForCausalLM and Qwen3ForCausalLM, with the old and the new spellings
/// of the rope and dtype keys, and what write_config_json wrote. Error (kData) beginning with `origin` for a missing or
/// contradicting key, another class, or a setting that changes the result and is not done here.
TransformerConfig read_config_json(const nlohmann::json& json, const std::string& origin);

/// What `transformers` needs to load the folder without an argument. A model that no class can express is written with
/// model_type "slm", so that nothing loads it by mistake.
nlohmann::ordered_json write_config_json(const TransformerConfig& config);

/// The same with model_type "slm" whatever the class: for a folder whose tensors only slm reads.
nlohmann::ordered_json write_own_config_json(const TransformerConfig& config);

}  // namespace slm
