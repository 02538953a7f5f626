#include "training/quantize_checkpoint.h"

#include <ATen/ops/tensor.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/folder_files.h"
#include "checkpoint/model_folder.h"
#include "checkpoint/quantized_folder.h"
#include "config/describe.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/process_memory.h"
#include "core/sha256.h"
#include "evaluation/divergence.h"
#include "formats/manifest.h"
#include "quantization/plan.h"
#include "quantization/quantize_layers.h"
#include "training/quantization_memory.h"
#include "training/run_progress.h"
#include "training/setup.h"

namespace slm {
namespace {

std::optional<CalibrationInfo> calibration_info(const QuantizationSettings& settings,
                                                const std::vector<TokenBatch>& batches, const PreparedData* data) {
  if (batches.empty()) return std::nullopt;
  CalibrationInfo info{.observer = settings.scheme.type == QuantizationType::kStatic
                                       ? std::string(name_of(settings.observer))
                                       : std::string(),
                       .batches = std::ssize(batches),
                       .data_sha256 = data->hash};
  for (const auto& batch : batches) info.tokens += batch.ids.numel();
  return info;
}

QuantizationParent parent_of(const std::filesystem::path& checkpoint) {
  const auto manifest = checkpoint / kManifestFile;
  if (!std::filesystem::exists(manifest)) return {};
  return {.manifest_sha256 = sha256_hex(read_file(manifest)), .step = read_manifest(checkpoint).info.step};
}

Coverage coverage_of(Transformer& model, const QuantizationPlan& plan) {
  Coverage coverage;
  int64_t bytes = 0;
  for (const auto& layer : plan) {
    if (!layer.scheme) continue;
    coverage.quantized_parameters += layer.out_features * layer.in_features;
    bytes += layer.bytes_after;
  }
  for (const auto& parameter : model.parameters()) coverage.float_parameters += parameter.numel();
  coverage.bits_per_weight = 8.0 * static_cast<double>(bytes) / static_cast<double>(coverage.quantized_parameters);
  return coverage;
}

std::vector<LeftFloat> left_float(Transformer& model, const QuantizationPlan& plan) {
  std::vector<LeftFloat> left{{"model.embed_tokens", "embeddings are not quantized"}};
  if (model.config().position == PositionKind::kLearned) left.push_back({"model.embed_positions", left[0].reason});
  for (const auto& layer : plan) {
    if (!layer.scheme) left.push_back({layer.name, layer.reason});
  }
  return left;
}

// How the quantized model predicts the validation text, beside its parent.
std::optional<QuantizationQuality> measure(Transformer& parent, Transformer& model, const TrainingConfig& config,
                                           const PreparedData* data, QuantizationParent& parent_info,
                                           const std::function<void()>& check_stop) {
  if (!data || !data->validation) {
    log_info("no validation text: the quantized model is not compared with its parent");
    return std::nullopt;
  }
  const auto result =
      compare_predictions(parent, model, *data->validation, *config.model.max_sequence_length,
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

QuantizationListener listener(const TransformerConfig& parent, QuantizationMemory& memory,
                              const std::function<void()>& check_stop) {
  return {.on_layer =
              [&check_stop](const QuantizedLayerInfo& layer) {
                check_stop();
                log_info("{}: SQNR {:.1f} dB, largest error {:.3g}, clipped {:.2f} %", layer.name, layer.error.sqnr_db,
                         layer.error.max_abs_error, 100 * layer.clipped);
              },
          .on_last_read =
              [&memory, is_tied = parent.tie_embeddings](const std::string& layer, const at::Tensor& weight) {
                if (layer != "lm_head" || !is_tied) memory.release(weight);  // else it goes on being the embedding
              },
          .on_hidden_states = [&memory](int64_t bytes) { memory.set_hidden_states(bytes); }};
}

// Tokens that a checkpoint's run has trained on, for each of its parameters; nothing where no run made it.
std::optional<double> tokens_per_parameter(const std::filesystem::path& checkpoint, Transformer& model) {
  const auto state = checkpoint / kTrainerStateFile;
  if (!std::filesystem::exists(state)) return std::nullopt;
  int64_t parameters = 0;
  for (const auto& parameter : model.parameters()) parameters += parameter.numel();
  return static_cast<double>(read_run_progress(state).tokens) / static_cast<double>(parameters);
}

// Error (kOutOfMemory) where the hidden states of all calibration batches are more than the machine has left.
void check_hidden_states(const TrainingConfig& config, const QuantizationSettings& settings,
                         const TransformerConfig& shape) {
  const int64_t available = available_bytes(), batches = config.quantization.calibration_batches;
  const int64_t times = settings.method == QuantizationMethod::kGptq ? 2 : 1;
  const double needed = static_cast<double>(batches) * static_cast<double>(times) *
                        static_cast<double>(*config.micro_batch_size) *
                        static_cast<double>(*config.model.max_sequence_length * shape.d_model) * sizeof(float);
  if (available == 0 || needed <= static_cast<double>(available)) return;
  fail(ExitCode::kOutOfMemory,
       "quantization_calibration_batches: the hidden states of {} batches take {:.0f} MiB, but {} MiB of memory are "
       "available; use fewer, or a smaller micro_batch_size",
       batches, needed / (1 << 20), available >> 20);
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
  settings.observer = observer_kind(q.observer, "quantization_observer");
  settings.exclude = q.exclude;
  return settings;
}

std::vector<TokenBatch> calibration_batches(const TrainingConfig& config, const PreparedData& data) {
  std::vector<std::shared_ptr<const TokenStream>> parts;
  for (const auto& part : data.train) parts.push_back(part.tokens);
  BatchLoader loader(parts, training_cursor(config, data),
                     {.rows = *config.micro_batch_size, .isolate_documents = config.data.isolate_documents});
  std::vector<TokenBatch> batches;
  for (int64_t i = 0; i < config.quantization.calibration_batches; ++i) {
    const auto batch = loader.next();
    const auto matrix = [&](const std::vector<int64_t>& ids) {
      return ids.empty() ? at::Tensor() : at::tensor(ids, at::kLong).view({batch.rows, batch.length});
    };
    batches.push_back({matrix(batch.inputs), matrix(batch.document_starts)});
  }
  return batches;
}

namespace {

struct Stopped {};  // thrown where a signal asks for it

QuantizationMetadata quantize_until_stopped(const QuantizationJob& job) {
  const std::function<void()> check_stop = [&] {
    if (job.signals && job.signals->requested() != 0) throw Stopped();
  };
  const auto settings = quantization_settings(job.config);
  if (settings.calibrates() && !job.data) {
    fail(ExitCode::kUsage, "quantization_type {}, quantization_method {}: need calibration text; give one with --data",
         name_of(settings.scheme.type), name_of(settings.method));
  }
  QuantizationMemory memory;
  const auto loaded = read_model_folder(job.checkpoint);
  memory.set_model(*loaded.arena);
  auto& model = *loaded.model;
  const auto plan = plan_quantization(model, settings);
  fmt::print("{}", format_plan(plan, settings));
  std::fflush(stdout);  // into a file as well it stands before what is logged afterwards
  if (settings.calibrates()) check_hidden_states(job.config, settings, model.config());
  const auto parent = model.share();
  const auto batches = settings.calibrates() ? calibration_batches(job.config, *job.data) : std::vector<TokenBatch>();
  QuantizationMetadata metadata{.mode = job.config.quantization.mode,
                                .method = std::string(name_of(settings.method)),
                                .smooth = settings.smooth,
                                .scheme = settings.scheme,
                                .slm_version = SLM_VERSION,
                                .libtorch_version = TORCH_VERSION,
                                .parent = parent_of(job.checkpoint),
                                .calibration = calibration_info(settings, batches, job.data)};
  metadata.layers = quantize_layers(model, plan, settings, batches, listener(parent->config(), memory, check_stop));
  metadata.coverage = coverage_of(model, plan);
  metadata.left_float = left_float(model, plan);
  if (job.data && job.data->validation) load_parameters(job.checkpoint, parent->config(), *loaded.arena);
  metadata.quality = measure(*parent, model, job.config, job.data, metadata.parent, check_stop);
  if (metadata.quality) metadata.quality->tokens_per_parameter = tokens_per_parameter(job.checkpoint, *parent);
  memory.release_float_weights();
  const auto& folder = job.out.staging();
  write_quantized_folder(folder, model, metadata, loaded.tokenizer.get());
  if (job.data) write_text(folder / "training_config.yaml", print_config(job.config));
  job.out.commit({.kind = "quantized", .step = metadata.parent.step, .run_id = {}, .parent = job.checkpoint.string()});
  log_info("saved {}: {} parameters at {:.2f} bits, {} in float; {}", job.out.final_folder().string(),
           metadata.coverage.quantized_parameters, metadata.coverage.bits_per_weight,
           metadata.coverage.float_parameters, memory.describe());
  return metadata;
}

}  // namespace

std::optional<QuantizationMetadata> quantize_checkpoint(const QuantizationJob& job) {
  try {
    return quantize_until_stopped(job);
  } catch (const Stopped&) {
    log_warning("stopped by signal {}: nothing is quantized", job.signals->requested());
    return std::nullopt;
  }
}

}  // namespace slm
