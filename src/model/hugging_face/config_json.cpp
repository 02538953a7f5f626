#include "model/hugging_face/config_json.h"

#include <array>
#include <cmath>

#include "core/error.h"

namespace slm {
namespace {

using Json = nlohmann::json;

// Reads keys of one config.json with the path in every message.
class Reader {
 public:
  Reader(const Json& json, std::string origin) : json_(json), origin_(std::move(origin)) {
    if (!json.is_object()) fail(ExitCode::kData, "{}: found no JSON object", origin_);
  }

  bool has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }

  int64_t integer(const char* key, std::optional<int64_t> otherwise = std::nullopt) const {
    if (!has(key) && otherwise) return *otherwise;
    const auto& value = required(key);
    if (!value.is_number_integer() || value.get<int64_t>() < 1 || value.get<int64_t>() > (int64_t{1} << 40)) {
      fail(ExitCode::kData, "{}: {}: found {}, expected a positive integer", origin_, key, value.dump());
    }
    return value.get<int64_t>();
  }

  double number(const char* key, std::optional<double> otherwise = std::nullopt) const {
    if (!has(key) && otherwise) return *otherwise;
    const auto& value = required(key);
    if (!value.is_number() || !(value.get<double>() > 0)) {
      fail(ExitCode::kData, "{}: {}: found {}, expected a number above 0", origin_, key, value.dump());
    }
    return value.get<double>();
  }

  bool boolean(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!json_[key].is_boolean()) {
      fail(ExitCode::kData, "{}: {}: found {}, expected true or false", origin_, key, json_[key].dump());
    }
    return json_[key].get<bool>();
  }

  std::string text(const char* key, const std::string& otherwise) const {
    if (!has(key)) return otherwise;
    if (!json_[key].is_string()) {
      fail(ExitCode::kData, "{}: {}: found {}, expected a text", origin_, key, json_[key].dump());
    }
    return json_[key].get<std::string>();
  }

  Reader object(const char* key) const { return Reader(required(key), origin_ + ": " + key); }

  /// The ids of a special token: none, one, or a list.
  std::vector<int64_t> token_ids(const char* key) const {
    if (!has(key)) return {};
    const Json ids = json_[key].is_array() ? json_[key] : Json::array({json_[key]});
    for (const auto& id : ids) {
      if (!id.is_number_integer()) {
        fail(ExitCode::kData, "{}: {}: found {}, expected token ids", origin_, key, json_[key].dump());
      }
    }
    return ids.get<std::vector<int64_t>>();
  }

  /// A setting that would change the result and that slm does not do.
  void expect_off(const char* key) const {
    if (!has(key)) return;
    const auto& value = json_[key];
    if (value == false || value == 0) return;
    fail(ExitCode::kData, "{}: {}: found {}, which slm does not compute; expected it off", origin_, key, value.dump());
  }

  /// The same for a setting of which slm does one value only, and for a list of it (one for each layer).
  void expect_only(const char* key, const Json& expected) const {
    if (!has(key)) return;
    for (const auto& value : json_[key].is_array() ? json_[key] : Json::array({json_[key]})) {
      if (value == expected) continue;
      fail(ExitCode::kData, "{}: {}: found {}, which slm does not compute; expected {}", origin_, key, value.dump(),
           expected.dump());
    }
  }

  const std::string& origin() const { return origin_; }

 private:
  const Json& required(const char* key) const {
    if (!has(key)) fail(ExitCode::kData, "{}: {}: missing", origin_, key);
    return json_[key];
  }

  const Json& json_;
  std::string origin_;
};

Activation read_activation(const Reader& json, const char* key, const std::string& otherwise) {
  const std::string name = json.text(key, otherwise);
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::kGeluNew;
  fail(ExitCode::kData, "{}: {}: found '{}', expected gelu, gelu_new or gelu_pytorch_tanh", json.origin(), key, name);
}

void check_shape(const TransformerConfig& config, const std::string& origin) {
  if (config.n_heads % config.n_kv_heads != 0) {
    fail(ExitCode::kData, "{}: num_attention_heads {} is no multiple of num_key_value_heads {}", origin, config.n_heads,
         config.n_kv_heads);
  }
  if (config.position == PositionKind::kRope && config.head_dim % 2 != 0) {
    fail(ExitCode::kData, "{}: head_dim {} is odd; rotary positions need an even one", origin, config.head_dim);
  }
}

TransformerConfig read_gpt2(const Reader& json) {
  TransformerConfig config{.architecture = "gpt2", .norm = NormKind::kLayerNorm, .position = PositionKind::kLearned};
  config.vocab_size = json.integer("vocab_size");
  config.max_sequence_length = json.integer("n_positions");
  config.n_layers = json.integer("n_layer");
  config.n_heads = config.n_kv_heads = json.integer("n_head");
  config.d_model = json.integer("n_embd");
  config.d_ff = json.integer("n_inner", 4 * config.d_model);
  if (config.d_model % config.n_heads != 0) {
    fail(ExitCode::kData, "{}: n_embd {} is no multiple of n_head {}", json.origin(), config.d_model, config.n_heads);
  }
  config.head_dim = config.d_model / config.n_heads;
  config.norm_eps = json.number("layer_norm_epsilon", 1e-5);
  config.activation = read_activation(json, "activation_function", "gelu_new");
  config.bias = config.qkv_bias = json.boolean("slm_bias", true);
  config.tie_embeddings = json.boolean("tie_word_embeddings", true);
  config.initializer_range = json.number("initializer_range", 0.02);
  json.expect_off("scale_attn_by_inverse_layer_idx");
  json.expect_off("add_cross_attention");
  if (!json.boolean("scale_attn_weights", true)) {
    fail(ExitCode::kData, "{}: scale_attn_weights: found false, which slm does not compute", json.origin());
  }
  return config;
}

// The object rope_parameters, or what older releases of transformers call rope_scaling.
std::optional<RopeScaling> read_rope_scaling(const Reader& rope, int64_t max_sequence_length) {
  rope.expect_only("partial_rotary_factor", 1);
  rope.expect_off("full_attention");  // numbers for each kind of layer
  const std::string type = rope.text("rope_type", rope.text("type", "default"));
  if (type == "default") return std::nullopt;
  if (type != "llama3") {
    fail(ExitCode::kData, "{}: rope_type '{}' is not supported; expected default or llama3", rope.origin(), type);
  }
  const RopeScaling scaling{
      .factor = rope.number("factor"),
      .low_freq_factor = rope.number("low_freq_factor"),
      .high_freq_factor = rope.number("high_freq_factor"),
      .original_max_position_embeddings = rope.integer("original_max_position_embeddings", max_sequence_length)};
  if (scaling.low_freq_factor >= scaling.high_freq_factor) {
    fail(ExitCode::kData, "{}: low_freq_factor {} is not below high_freq_factor {}", rope.origin(),
         scaling.low_freq_factor, scaling.high_freq_factor);
  }
  return scaling;
}

// Older releases write rope_theta and rope_scaling, newer ones rope_parameters, which has both.
void read_rope(const Reader& json, TransformerConfig& config) {
  config.rope_theta = json.number("rope_theta", 10000.0);
  json.expect_only("partial_rotary_factor", 1);
  json.expect_off("rope_interleaved");
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    if (!json.has(key)) continue;
    const auto rope = json.object(key);
    config.rope_theta = rope.number("rope_theta", config.rope_theta);
    config.rope_scaling = read_rope_scaling(rope, config.max_sequence_length);
  }
}

// Which linear layers have biases: in Llama all or none, in Qwen2 those of q, k and v whatever attention_bias says.
void read_biases(const Reader& json, TransformerConfig& config) {
  if (config.architecture == "qwen2") {
    config.qkv_bias = true;
    return;
  }
  const bool attention_bias = json.boolean("attention_bias", false), mlp_bias = json.boolean("mlp_bias", false);
  if (attention_bias != mlp_bias) {
    fail(ExitCode::kData, "{}: attention_bias {} and mlp_bias {} differ; slm has biases in both or in neither",
         json.origin(), attention_bias, mlp_bias);
  }
  config.bias = config.qkv_bias = attention_bias;
}

TransformerConfig read_llama_like(const Reader& json, const std::string& architecture) {
  const bool qwen3 = architecture == "qwen3";
  TransformerConfig config{.architecture = architecture, .qk_norm = qwen3};
  config.vocab_size = json.integer("vocab_size");
  config.max_sequence_length = json.integer("max_position_embeddings");
  config.n_layers = json.integer("num_hidden_layers");
  config.n_heads = json.integer("num_attention_heads");
  config.n_kv_heads = json.integer("num_key_value_heads", config.n_heads);
  config.d_model = json.integer("hidden_size");
  config.d_ff = json.integer("intermediate_size");
  config.head_dim = json.integer("head_dim", qwen3 ? 128 : config.d_model / config.n_heads);
  config.norm_eps = json.number("rms_norm_eps", 1e-6);
  read_rope(json, config);
  read_biases(json, config);
  if (const auto name = json.text("hidden_act", "silu"); name != "silu") {
    fail(ExitCode::kData, "{}: hidden_act: found '{}', expected silu", json.origin(), name);
  }
  json.expect_off("use_sliding_window");  // sliding_window alone, as Qwen2's config.json has it, says nothing
  json.expect_only("layer_types", "full_attention");
  config.tie_embeddings = json.boolean("tie_word_embeddings", false);
  config.initializer_range = json.number("initializer_range", 0.02);
  return config;
}

// --- a model that no class of transformers expresses: every field by our own name ---

constexpr std::array<const char*, 2> kNorms{"rmsnorm", "layernorm"};
constexpr std::array<const char*, 3> kActivations{"swiglu", "gelu", "gelu_new"};
constexpr std::array<const char*, 2> kPositions{"rope", "learned"};

template <class Enum, size_t N>
Enum read_enum(const Reader& json, const char* key, const std::array<const char*, N>& names) {
  const std::string name = json.text(key, "");
  for (size_t i = 0; i < N; ++i) {
    if (name == names[i]) return static_cast<Enum>(i);
  }
  fail(ExitCode::kData, "{}: {}: found '{}', expected one of {}", json.origin(), key, name, fmt::join(names, ", "));
}

TransformerConfig read_own(const Reader& json) {
  const auto scaling = json.has("rope_scaling")
                           ? read_rope_scaling(json.object("rope_scaling"), json.integer("max_sequence_length"))
                           : std::nullopt;
  const bool bias = json.boolean("bias", false);
  return {.architecture = json.text("architecture", "llama"),
          .vocab_size = json.integer("vocab_size"),
          .max_sequence_length = json.integer("max_sequence_length"),
          .n_layers = json.integer("n_layers"),
          .n_heads = json.integer("n_heads"),
          .n_kv_heads = json.integer("n_kv_heads"),
          .head_dim = json.integer("head_dim"),
          .d_model = json.integer("d_model"),
          .d_ff = json.integer("d_ff"),
          .norm = read_enum<NormKind>(json, "norm", kNorms),
          .norm_eps = json.number("norm_eps"),
          .activation = read_enum<Activation>(json, "activation", kActivations),
          .position = read_enum<PositionKind>(json, "position", kPositions),
          .rope_theta = json.number("rope_theta"),
          .rope_scaling = scaling,
          .qk_norm = json.boolean("qk_norm", false),
          .bias = bias,
          .qkv_bias = json.boolean("qkv_bias", bias),  // which older folders lack
          .tie_embeddings = json.boolean("tie_embeddings", false),
          .initializer_range = json.number("initializer_range")};
}

nlohmann::ordered_json rope_json(const RopeScaling& scaling) {
  return {{"rope_type", "llama3"},
          {"factor", scaling.factor},
          {"low_freq_factor", scaling.low_freq_factor},
          {"high_freq_factor", scaling.high_freq_factor},
          {"original_max_position_embeddings", scaling.original_max_position_embeddings}};
}

nlohmann::ordered_json write_own(const TransformerConfig& config) {
  nlohmann::ordered_json json{{"model_type", "slm"},
                              {"architecture", config.architecture},
                              {"vocab_size", config.vocab_size},
                              {"max_sequence_length", config.max_sequence_length},
                              {"n_layers", config.n_layers},
                              {"n_heads", config.n_heads},
                              {"n_kv_heads", config.n_kv_heads},
                              {"head_dim", config.head_dim},
                              {"d_model", config.d_model},
                              {"d_ff", config.d_ff},
                              {"norm", kNorms[static_cast<size_t>(config.norm)]},
                              {"norm_eps", config.norm_eps},
                              {"activation", kActivations[static_cast<size_t>(config.activation)]},
                              {"position", kPositions[static_cast<size_t>(config.position)]},
                              {"rope_theta", config.rope_theta},
                              {"qk_norm", config.qk_norm},
                              {"bias", config.bias},
                              {"qkv_bias", config.qkv_bias},
                              {"tie_embeddings", config.tie_embeddings},
                              {"initializer_range", config.initializer_range},
                              {"dtype", "float32"}};
  if (config.rope_scaling) json["rope_scaling"] = rope_json(*config.rope_scaling);
  return json;
}

nlohmann::ordered_json write_gpt2(const TransformerConfig& config) {
  nlohmann::ordered_json json{{"model_type", "gpt2"},
                              {"vocab_size", config.vocab_size},
                              {"n_positions", config.max_sequence_length},
                              {"n_embd", config.d_model},
                              {"n_layer", config.n_layers},
                              {"n_head", config.n_heads},
                              {"n_inner", config.d_ff},
                              {"activation_function", config.activation == Activation::kGelu ? "gelu" : "gelu_new"},
                              {"layer_norm_epsilon", config.norm_eps},
                              {"resid_pdrop", 0.0},
                              {"embd_pdrop", 0.0},
                              {"attn_pdrop", 0.0}};
  // The class always has biases: zeros are written, and this key says that they are not parameters.
  if (!config.bias) json["slm_bias"] = false;
  return json;
}

nlohmann::ordered_json write_llama_like(const TransformerConfig& config, const std::string& name) {
  const bool qwen2 = name == "Qwen2ForCausalLM", qwen3 = name == "Qwen3ForCausalLM";
  auto rope = config.rope_scaling ? rope_json(*config.rope_scaling) : nlohmann::ordered_json{{"rope_type", "default"}};
  nlohmann::ordered_json json{
      {"model_type", qwen2   ? "qwen2"
                     : qwen3 ? "qwen3"
                             : "llama"},
      {"vocab_size", config.vocab_size},
      {"hidden_size", config.d_model},
      {"intermediate_size", config.d_ff},
      {"num_hidden_layers", config.n_layers},
      {"num_attention_heads", config.n_heads},
      {"num_key_value_heads", config.n_kv_heads},
      {"head_dim", config.head_dim},
      {"max_position_embeddings", config.max_sequence_length},
      {"rms_norm_eps", config.norm_eps},
      {"hidden_act", "silu"},
      {"rope_theta", config.rope_theta},
  };
  if (!qwen2) json["attention_bias"] = config.bias;
  if (!qwen2 && !qwen3) json["mlp_bias"] = config.bias;
  if (config.rope_scaling) json["rope_scaling"] = rope;  // the name before transformers 5
  rope["rope_theta"] = config.rope_theta;
  json["rope_parameters"] = rope;
  return json;
}

nlohmann::ordered_json ids_json(const std::vector<int64_t>& ids) {
  if (ids.empty()) return nullptr;
  return ids.size() == 1 ? nlohmann::ordered_json(ids[0]) : nlohmann::ordered_json(ids);
}

nlohmann::ordered_json with_special_tokens(nlohmann::ordered_json json, const TransformerConfig& config) {
  json["bos_token_id"] = ids_json(config.special_tokens.bos);
  json["eos_token_id"] = ids_json(config.special_tokens.eos);
  json["pad_token_id"] = ids_json(config.special_tokens.pad);
  return json;
}

nlohmann::ordered_json write_class(const TransformerConfig& config, const std::string& name) {
  nlohmann::ordered_json json{{"architectures", {name}}};
  json.update(name == "GPT2LMHeadModel" ? write_gpt2(config) : write_llama_like(config, name));
  json["tie_word_embeddings"] = config.tie_embeddings;
  json["initializer_range"] = config.initializer_range;
  json["use_cache"] = true;
  json["dtype"] = "float32";
  json["torch_dtype"] = "float32";  // the name before transformers 5
  return json;
}

}  // namespace

HuggingFaceClass hugging_face_class(const TransformerConfig& config) {
  if (config.norm == NormKind::kLayerNorm) {
    if (config.position != PositionKind::kLearned) return {"", "LayerNorm with rotary positions"};
    if (config.activation == Activation::kSwiGlu) return {"", "LayerNorm with SwiGLU"};
    if (config.n_kv_heads != config.n_heads) return {"", "LayerNorm with grouped keys and values"};
    if (config.head_dim * config.n_heads != config.d_model)
      return {"", "LayerNorm with head_dim other than d_model / n_heads"};
    if (config.qk_norm) return {"", "LayerNorm with qk_norm"};
    if (config.qkv_bias != config.bias) return {"", "LayerNorm with other biases on q, k and v than elsewhere"};
    return {"GPT2LMHeadModel", ""};
  }
  if (config.position != PositionKind::kRope) return {"", "RMSNorm with learned positions"};
  if (config.activation != Activation::kSwiGlu) return {"", "RMSNorm with GELU"};
  if (config.qk_norm) {
    if (config.bias || config.qkv_bias) return {"", "qk_norm with biases"};
    return {"Qwen3ForCausalLM", ""};
  }
  if (config.qkv_bias == config.bias) return {"LlamaForCausalLM", ""};
  if (config.bias) return {"", "biases everywhere but on q, k and v"};
  return {"Qwen2ForCausalLM", ""};
}

TransformerConfig read_config_json(const Json& json, const std::string& origin) {
  const Reader reader(json, origin);
  const std::string type = reader.text("model_type", "");
  if (reader.has("quantization_config")) {
    fail(ExitCode::kData, "{}: quantization_config: slm reads float32, bfloat16 and float16 weights only", origin);
  }
  TransformerConfig config;
  if (type == "llama" || type == "qwen2" || type == "qwen3") {
    config = read_llama_like(reader, type);
  } else if (type == "gpt2") {
    config = read_gpt2(reader);
  } else if (type == "slm") {
    config = read_own(reader);
  } else {
    fail(ExitCode::kData, "{}: model_type: found '{}', expected llama, gpt2, qwen2 or qwen3", origin, type);
  }
  config.special_tokens = {.bos = reader.token_ids("bos_token_id"),
                           .eos = reader.token_ids("eos_token_id"),
                           .pad = reader.token_ids("pad_token_id")};
  check_shape(config, origin);
  return config;
}

nlohmann::ordered_json write_config_json(const TransformerConfig& config) {
  const std::string name = hugging_face_class(config).name;
  return name.empty() ? write_own_config_json(config) : with_special_tokens(write_class(config, name), config);
}

nlohmann::ordered_json write_own_config_json(const TransformerConfig& config) {
  return with_special_tokens(write_own(config), config);
}

}  // namespace slm
