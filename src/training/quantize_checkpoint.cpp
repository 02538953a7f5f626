#include "training/quantize_checkpoint.h"

#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <functional>

#include "checkpoint/adapted_model.h"
#include "checkpoint/folder_files.h"
#include "checkpoint/model_folder.h"
#include "checkpoint/quantized_folder.h"
#include "config/describe.h"
#include "core/error.h"
#include "core/log.h"
#include "core/process_memory.h"
#include "quantization/plan.h"
#include "quantization/quantize_layers.h"
#include "training/convert_checkpoint.h"
#include "training/quantization_memory.h"
#include "training/quantization_record.h"
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

// What is quantized: adapters and the model below them as one float model.
LoadedModel read_float_model(const std::filesystem::path& checkpoint) {
  return has_adapter(checkpoint) ? read_merged(checkpoint, checkpoint / kAdapterFolder) : read_model_folder(checkpoint);
}

// What the quantized model is compared with: the float model, whose weights were let go of and are read again, or the
// model under its adapters.
std::shared_ptr<Transformer> read_reference(const std::filesystem::path& checkpoint,
                                            const std::shared_ptr<Transformer>& parent, const ParameterArena& arena) {
  if (has_adapter(checkpoint)) return read_model_folder(checkpoint).model;
  load_parameters(checkpoint, parent->config(), arena);
  return parent;
}

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
  const auto loaded = read_float_model(job.checkpoint);
  if (loaded.fake_quantization) return convert_checkpoint(job, loaded, check_stop);
  memory.set_model(*loaded.arena);
  auto& model = *loaded.model;
  const auto plan = plan_quantization(model, settings);
  fmt::print("{}", format_plan(plan, settings));
  std::fflush(stdout);  // into a file as well it stands before what is logged afterwards
  if (settings.calibrates()) check_hidden_states(job.config, settings, model.config());
  const auto parent = model.share();
  const auto batches = settings.calibrates() ? calibration_batches(job.config, *job.data) : std::vector<TokenBatch>();
  auto metadata = describe_quantization(job.config, model);
  metadata.parent = parent_of(job.checkpoint);
  metadata.calibration = calibration_info(settings, batches, job.data);
  metadata.layers = quantize_layers(model, plan, settings, batches, listener(parent->config(), memory, check_stop));
  metadata.coverage = coverage_of(model, plan);
  const bool compares = job.data && job.data->validation;
  const auto reference = compares ? read_reference(job.checkpoint, parent, *loaded.arena) : parent;
  metadata.quality = measure_quality(*reference, model, job.config, job.data, metadata.parent, check_stop);
  if (metadata.quality && !has_adapter(job.checkpoint)) {
    metadata.quality->tokens_per_parameter = tokens_per_parameter(job.checkpoint, *parent);
  }
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
