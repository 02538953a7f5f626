#include "training/quantization_record.h"

#include <torch/version.h>

#include <cmath>
#include <limits>
#include <set>

#include "checkpoint/checkpoint_store.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/sha256.h"
#include "formats/manifest.h"
#include "training/run_progress.h"

namespace slm {
namespace {

std::vector<LeftFloat> left_float(Transformer& model, const QuantizationPlan& plan) {
  std::vector<LeftFloat> left{{"model.embed_tokens", "embeddings are not quantized"}};
  if (model.config().position == PositionKind::kLearned) left.push_back({"model.embed_positions", left[0].reason});
  for (const auto& layer : plan) {
    if (!layer.scheme) left.push_back({layer.name, layer.reason});
  }
  return left;
}

}  // namespace

QuantizationSettings quantization_settings(const TrainingConfig& config) {
  const auto& q = config.quantization;
  SLM_CHECK(q.granularity);
  QuantizationSettings settings;
  settings.scheme = {.bits = static_cast<int>(q.bits),
                     .type = quantization_type(q.type, "quantization_type"),
                     .granularity = granularity(*q.granularity, "quantization_granularity")};
  if (settings.scheme.granularity == Granularity::kPerGroup) settings.scheme.group_size = q.group_size;
  settings.method = quantization_method(q.method, "quantization_method");
  settings.smooth = q.smooth;
  if (q.observer) settings.observer = observer_kind(*q.observer, "quantization_observer");
  settings.exclude = q.exclude;
  settings.residual_bits = static_cast<int>(q.residual_bits.value_or(0));
  return settings;
}

Coverage coverage_of(Transformer& model, const QuantizationPlan& plan) {
  Coverage coverage;
  int64_t bytes = 0;
  std::set<std::string> quantized;
  for (const auto& layer : plan) {
    if (!layer.scheme) continue;
    quantized.insert(layer.name + ".weight");
    coverage.quantized_parameters += layer.out_features * layer.in_features;
    bytes += layer.bytes_after;
  }
  for (const auto& parameter : model.named_parameters()) {
    if (!quantized.contains(parameter.key())) coverage.float_parameters += parameter.value().numel();
  }
  coverage.bits_per_weight = 8.0 * static_cast<double>(bytes) / static_cast<double>(coverage.quantized_parameters);
  return coverage;
}

QuantizationMetadata describe_quantization(const TrainingConfig& config, Transformer& model) {
  const auto settings = quantization_settings(config);
  const auto plan = plan_quantization(model, settings);
  return {.mode = config.quantization.mode,
          .method = std::string(name_of(settings.method)),
          .smooth = settings.smooth,
          .scheme = settings.scheme,
          .slm_version = SLM_VERSION,
          .libtorch_version = TORCH_VERSION,
          .coverage = coverage_of(model, plan),
          .left_float = left_float(model, plan)};
}

void log_layer(const QuantizedLayerInfo& layer) {
  log_info("{}: SQNR {:.1f} dB, largest error {:.3g}, clipped {:.2f} %", layer.name, layer.error.sqnr_db,
           layer.error.max_abs_error, 100 * layer.clipped);
}

QuantizationMetadata finetuned_metadata(const QuantizationMetadata& parent, const CodesTraining& training) {
  auto metadata = parent;
  metadata.finetuning = training;
  metadata.quality.reset();
  metadata.residual_bits = 0;  // which are the optimizer's now
  // The codes are the weights: there is nothing that they are an approximation of.
  for (auto& layer : metadata.layers) {
    layer.error = {.sqnr_db = std::numeric_limits<double>::infinity(), .cosine = 1, .max_abs_error = 0};
    layer.clipped = 0;
  }
  return metadata;
}

QuantizationParent parent_of(const std::filesystem::path& checkpoint) {
  const auto manifest = checkpoint / kManifestFile;
  if (!std::filesystem::exists(manifest)) return {};
  return {.manifest_sha256 = sha256_hex(read_file(manifest)), .step = read_manifest(checkpoint).info.step};
}

std::optional<QuantizationQuality> measure_quality(const ComparedModel& parent, Transformer& model,
                                                   const TrainingConfig& config, const PreparedData* data,
                                                   QuantizationParent& parent_info,
                                                   const std::function<void()>& check_stop) {
  if (!data || !data->validation) {
    log_info("no validation text: the quantized model is not compared with its parent");
    return std::nullopt;
  }
  const auto result =
      compare_predictions(parent, whole_windows(model), *data->validation, *config.model.max_sequence_length,
                          {.batch_size = *config.micro_batch_size, .isolate_documents = config.data.isolate_documents},
                          [&](double) { check_stop(); });
  parent_info.validation_loss = result.loss_first;
  log_info("validation loss {:.4f} -> {:.4f} ({:+.4f}), KL {:.5f}, top-1 agreement {:.4f}, {} tokens",
           result.loss_first, result.loss_second, result.loss_difference(), result.kl_divergence, result.top1_agreement,
           result.tokens);
  return QuantizationQuality{.validation_loss = result.loss_second,
                             .perplexity = std::exp(result.loss_second),
                             .kl_divergence = result.kl_divergence,
                             .top1_agreement = result.top1_agreement,
                             .tokens = result.tokens};
}

std::optional<double> tokens_per_parameter(const std::filesystem::path& checkpoint, Transformer& model) {
  const auto state = checkpoint / kTrainerStateFile;
  if (!std::filesystem::exists(state)) return std::nullopt;
  int64_t parameters = 0;
  for (const auto& parameter : model.parameters()) parameters += parameter.numel();
  return static_cast<double>(read_run_progress(state).tokens) / static_cast<double>(parameters);
}

}  // namespace slm
