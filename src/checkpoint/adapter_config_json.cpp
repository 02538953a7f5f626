#include "checkpoint/adapter_config_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "core/error.h"

namespace slm {
namespace {

bool is_off(const nlohmann::json& value) {
  return value.is_null() || value == false || (value.is_structured() && value.empty()) || value == "none";
}

// What is read, and what says nothing of what the adapter computes: how it was trained, which modules got it (the
// tensors tell), what the other program works with.
constexpr auto kKnown = std::to_array<std::string_view>({"peft_type",
                                                         "task_type",
                                                         "r",
                                                         "lora_alpha",
                                                         "lora_dropout",
                                                         "use_rslora",
                                                         "init_lora_weights",
                                                         "target_modules",
                                                         "exclude_modules",
                                                         "layers_to_transform",
                                                         "layers_pattern",
                                                         "fan_in_fan_out",
                                                         "inference_mode",
                                                         "auto_mapping",
                                                         "revision",
                                                         "peft_version",
                                                         "loftq_config",
                                                         "eva_config",
                                                         "corda_config",
                                                         "lora_ga_config",
                                                         "megatron_config",
                                                         "megatron_core",
                                                         "qalora_group_size",
                                                         "runtime_config",
                                                         "ensure_weight_tying",
                                                         "base_model_name_or_path"});

// Everything else makes another model of the same tensors, unless it is off. A release that does not have it leaves it
// out.
void refuse_variants(const nlohmann::json& json, const std::string& origin) {
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(kKnown, key) != kKnown.end() || is_off(value)) continue;
    fail(ExitCode::kData, "{}: {}: found {}, which slm does not do", origin, key, value.dump());
  }
}

// PiSSA, OLoRA, CorDA and LoftQ change the weights below the adapter as they begin.
void refuse_changed_base(const nlohmann::json& json, const std::string& origin) {
  const auto found = json.value("init_lora_weights", nlohmann::json(true));
  constexpr std::array<std::string_view, 3> kHarmless{"gaussian", "orthogonal", "eva"};
  if (found.is_boolean() || found.is_null()) return;
  if (found.is_string() && std::ranges::find(kHarmless, found.get<std::string>()) != kHarmless.end()) return;
  fail(ExitCode::kData, "{}: init_lora_weights: found {}, which changes the model below the adapter", origin,
       found.dump());
}

double number(const nlohmann::json& json, const char* key, const std::string& origin) {
  const auto found = json.value(key, nlohmann::json());
  const double value = found.is_number() ? found.get<double>() : 0;
  if (!(value > 0) || !std::isfinite(value)) {
    fail(ExitCode::kData, "{}: {}: found {}, expected a number above 0", origin, key, found.dump());
  }
  return value;
}

// Whole numbers as peft writes them.
nlohmann::ordered_json number_json(double value) {
  if (value == std::floor(value) && value < 1e15) return static_cast<int64_t>(value);
  return value;
}

}  // namespace

nlohmann::ordered_json write_adapter_config(const AdapterInfo& info, const std::vector<std::string>& modules,
                                            bool is_conv1d) {
  return {{"peft_type", "LORA"},
          {"task_type", "CAUSAL_LM"},
          {"base_model_name_or_path", info.base},
          {"inference_mode", true},
          {"r", info.rank},
          {"lora_alpha", number_json(info.alpha)},
          {"lora_dropout", number_json(info.dropout)},
          {"target_modules", modules},
          {"bias", "none"},
          {"fan_in_fan_out", is_conv1d},
          {"init_lora_weights", true},
          {"modules_to_save", nullptr},
          {"rank_pattern", nlohmann::ordered_json::object()},
          {"alpha_pattern", nlohmann::ordered_json::object()},
          {"use_rslora", false},
          {"use_dora", false}};
}

ReadAdapterConfig read_adapter_config(const nlohmann::json& json, const std::string& origin) {
  if (!json.is_object()) fail(ExitCode::kData, "{}: expected an object", origin);
  if (const auto type = json.value("peft_type", nlohmann::json()); type != "LORA") {
    fail(ExitCode::kData, "{}: peft_type: found {}, expected \"LORA\"", origin, type.dump());
  }
  refuse_variants(json, origin);
  refuse_changed_base(json, origin);
  const double rank = number(json, "r", origin), alpha = number(json, "lora_alpha", origin);
  constexpr double kMostRank = 1 << 20;  // far above any layer's width
  if (rank != std::floor(rank) || rank > kMostRank) {
    fail(ExitCode::kData, "{}: r: found {}, expected a whole number up to {}", origin, rank, kMostRank);
  }
  const auto stabilized = json.value("use_rslora", nlohmann::json(false));
  if (!stabilized.is_boolean() && !stabilized.is_null()) {
    fail(ExitCode::kData, "{}: use_rslora: found {}, expected true or false", origin, stabilized.dump());
  }
  const bool is_rank_stabilized = stabilized == true;
  return {.rank = static_cast<int64_t>(rank), .scale = alpha / (is_rank_stabilized ? std::sqrt(rank) : rank)};
}

}  // namespace slm
