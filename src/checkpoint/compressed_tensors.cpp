#include "checkpoint/compressed_tensors.h"

#include <fmt/format.h>

#include "core/error.h"
#include "model/hugging_face/config_json.h"

namespace slm {
namespace {

using Json = nlohmann::ordered_json;

std::string reason_against(const TransformerConfig& config, const QuantizationMetadata& metadata) {
  const auto theirs = hugging_face_class(config);
  if (theirs.name.empty()) return "no class of transformers has " + theirs.why_none;
  if (theirs.name == "GPT2LMHeadModel") {
    return "the layers of GPT2LMHeadModel are transposed (Conv1D), and compressed-tensors quantizes linear ones only";
  }
  const auto& scheme = metadata.layers.front().scheme;
  for (const auto& layer : metadata.layers) {
    if (layer.scheme != scheme) return "not all of its layers have one scheme";
    if (scheme.granularity == Granularity::kPerGroup && layer.in_features % scheme.group_size != 0) {
      return fmt::format("the last group of {} is shorter than {}", layer.name, scheme.group_size);
    }
  }
  return "";
}

Json weights_json(const Scheme& scheme) {
  Json json = {{"num_bits", scheme.bits}, {"type", "int"}, {"symmetric", true}, {"dynamic", false}};
  switch (scheme.granularity) {
    case Granularity::kPerTensor:
      json["strategy"] = "tensor";
      break;
    case Granularity::kPerChannel:
      json["strategy"] = "channel";
      break;
    case Granularity::kPerGroup:
      json["strategy"] = "group";
      json["group_size"] = scheme.group_size;
      break;
  }
  return json;
}

// Static codes are [-128, 127] there, ours less 128, and so is the zero point.
Json activations_json(QuantizationType type) {
  switch (type) {
    case QuantizationType::kWeightOnly:
      return nullptr;
    case QuantizationType::kDynamic:
      return {{"num_bits", 8}, {"type", "int"}, {"symmetric", true}, {"dynamic", true}, {"strategy", "token"}};
    case QuantizationType::kStatic:
      return {{"num_bits", 8}, {"type", "int"}, {"symmetric", false}, {"dynamic", false}, {"strategy", "tensor"}};
  }
  SLM_CHECK(false);
  return {};
}

}  // namespace

CompressedTensorsConfig compressed_tensors_config(const TransformerConfig& config,
                                                  const QuantizationMetadata& metadata) {
  if (auto reason = reason_against(config, metadata); !reason.empty()) return {nullptr, std::move(reason)};
  const auto& scheme = metadata.layers.front().scheme;
  const char* format = scheme.bits == 8 ? "int-quantized" : "pack-quantized";
  // Of what stays float they name linear layers only: others are never quantized.
  Json ignore = Json::array();
  for (const auto& left : metadata.left_float) {
    if (!left.name.starts_with("model.embed_")) ignore.push_back(left.name);
  }
  // The group says its format again: from weights alone 8 bits would be taken for packed ones.
  const Json group = {{"targets", Json::array({"Linear"})},
                      {"format", format},
                      {"weights", weights_json(scheme)},
                      {"input_activations", activations_json(scheme.type)},
                      {"output_activations", nullptr}};
  return {{{"quant_method", "compressed-tensors"},
           {"format", format},
           {"quantization_status", "compressed"},
           {"ignore", std::move(ignore)},
           {"config_groups", {{"group_0", group}}}},
          ""};
}

}  // namespace slm
