#include "cli/inspect_model.h"

#include <algorithm>
#include <map>
#include <memory>

#include "checkpoint/qat_folder.h"
#include "core/error.h"
#include "core/numbers.h"
#include "model/model_size.h"
#include "quantization/fake_quantization.h"
#include "quantization/layer_report.h"
#include "quantization/packed_linear.h"

namespace slm::cli {
namespace {

// Parameters outside the linear layers' weights.
int64_t other_parameters(Transformer& model) {
  int64_t count = 0;
  for (const auto& parameter : model.parameters()) count += parameter.numel();
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    const bool is_tied = name == "lm_head" && model.config().tie_embeddings;
    if (dynamic_cast<DenseLinear*>(layer.get()) && !is_tied) count -= layer->out_features() * layer->in_features();
  });
  return count;
}

Inspection common(Transformer& model) {
  return {.checkpoint = "", .model = describe(model.config()), .float_parameters = other_parameters(model)};
}

std::string origin_of(const QuantizationMetadata& metadata) {
  const auto& parent = metadata.parent;
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  if (!parent.manifest_sha256.empty()) {
    constexpr size_t kShown = 12;
    add(fmt::format("made from step {}, whose manifest has SHA-256 {}...", with_commas(parent.step),
                    parent.manifest_sha256.substr(0, kShown)));
  }
  if (metadata.smooth > 0) add(fmt::format("smoothed with {}", metadata.smooth));
  if (metadata.calibration) {
    const auto& calibration = *metadata.calibration;
    const auto observer = calibration.observer.empty() ? "" : " by the observer " + calibration.observer;
    add(fmt::format("calibrated{} on {} tokens", observer, with_commas(calibration.tokens)));
  }
  return text;
}

std::optional<QualityReport> quality_of(const QuantizationMetadata& metadata) {
  if (!metadata.quality) return std::nullopt;
  const auto& quality = *metadata.quality;
  return QualityReport{.parent_loss = metadata.parent.validation_loss,
                       .loss = quality.validation_loss,
                       .perplexity = quality.perplexity,
                       .kl_divergence = quality.kl_divergence,
                       .top1_agreement = quality.top1_agreement,
                       .tokens = quality.tokens};
}

std::string reason_of(const QuantizationMetadata& metadata, const std::string& name) {
  for (const auto& left : metadata.left_float) {
    if (left.name == name) return left.reason;
  }
  return "";
}

}  // namespace

std::vector<std::string> linear_names(Transformer& model) {
  std::vector<std::string> names;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>&) { names.push_back(name); });
  return names;
}

LayerWeights dense_weights(Transformer& model) {
  LayerWeights weights;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    if (const auto* dense = dynamic_cast<DenseLinear*>(layer.get())) weights[name] = dense->weight().detach();
  });
  return weights;
}

LayerWeights float_weights(const LoadedModel& loaded) {
  auto weights = dense_weights(*loaded.model);
  if (!loaded.fake_quantization) return weights;
  for (const auto& weight : loaded.fake_quantization->weights()) weights[weight.forms().layer] = weight.forms().master;
  return weights;
}

Inspection inspect_float(Transformer& model, const LayerFilter& wanted) {
  auto inspection = common(model);
  const auto weights = dense_weights(model);
  for (const auto& name : linear_names(model)) {
    if (wanted(name)) inspection.layers.push_back(report_float_layer(name, weights.at(name)));
  }
  return inspection;
}

Inspection inspect_quantized(Transformer& model, const QuantizationMetadata& metadata, const LayerWeights& originals,
                             const LayerFilter& wanted) {
  auto inspection = common(model);
  inspection.kind = InspectionKind::kQuantized;
  inspection.scheme = describe(metadata.scheme);
  inspection.method = metadata.method;
  inspection.origin = origin_of(metadata);
  inspection.quality = quality_of(metadata);
  for (const auto& left : metadata.left_float) inspection.left_float.push_back({left.name, left.reason});
  const bool has_originals = !originals.empty() && metadata.smooth == 0;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& layer) {
    if (!wanted(name)) return;
    if (const auto* packed = dynamic_cast<PackedLinear*>(layer.get())) {
      const auto info = std::find_if(metadata.layers.begin(), metadata.layers.end(),
                                     [&](const QuantizedLayerInfo& each) { return each.name == name; });
      SLM_CHECK(info != metadata.layers.end());
      const auto original = has_originals ? originals.at(name) : at::Tensor();
      inspection.layers.push_back(report_quantized_layer(*info, packed->weight(), original));
      return;
    }
    const auto* dense = dynamic_cast<DenseLinear*>(layer.get());
    SLM_CHECK(dense);
    inspection.layers.push_back(report_float_layer(name, dense->weight()));
    inspection.layers.back().reason = reason_of(metadata, name);
  });
  return inspection;
}

Inspection inspect_in_training(const LoadedModel& loaded, const std::filesystem::path& folder,
                               const LayerFilter& wanted) {
  auto metadata = read_qat_metadata(folder);
  const auto start = metadata.qat.at("start_step").get<int64_t>(), done = metadata.qat.at("steps_done").get<int64_t>();
  const auto masters = float_weights(loaded);
  metadata.layers = loaded.fake_quantization->convert(*loaded.model);
  auto inspection = inspect_quantized(*loaded.model, metadata, masters, wanted);
  inspection.kind = InspectionKind::kInTraining;
  inspection.origin = fmt::format(
      "quantization-aware training, {} steps of it since step {}: the float masters beside the codes that they would "
      "become now, with whose values the model computes",
      with_commas(done - start), with_commas(start));
  return inspection;
}

}  // namespace slm::cli
