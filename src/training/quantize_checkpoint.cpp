#include "training/quantize_checkpoint.h"

#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <functional>

#include "checkpoint/adapted_model.h"
#include "checkpoint/folder_files.h"
#include "checkpoint/model_folder.h"
#include "checkpoint/qat_folder.h"
#include "checkpoint/quantized_folder.h"
#include "checkpoint/residual_file.h"
#include "checkpoint/streamed_model.h"
#include "config/describe.h"
#include "core/error.h"
#include "core/file.h"
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

QuantizationListener listener(StreamedModel& streamed, QuantizationMemory& memory, StateDict& residuals,
                              const std::function<void()>& check_stop) {
  return {.on_block = [&streamed](int64_t block) { streamed.read_block(block); },
          .on_layer =
              [&check_stop](const QuantizedLayerInfo& layer) {
                check_stop();
                log_layer(layer);
              },
          .on_residual =
              [&residuals](const std::string& layer, const at::Tensor& residual) {
                residuals.push_back({residual_name(layer), residual});
              },
          .on_last_read = [&streamed](const std::string& layer) { streamed.discard(layer); },
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

constexpr const char* kMergedFolder = "merged";

// The folder of the float model that is quantized: of a checkpoint with adapters, a merged one beside the result.
std::filesystem::path float_folder(const QuantizationJob& job) {
  if (!has_adapter(job.checkpoint)) return job.checkpoint;
  const auto folder = job.out.staging() / kMergedFolder;
  make_folder(folder);
  const auto merged = read_merged(job.checkpoint, job.checkpoint / kAdapterFolder);
  write_model_folder(folder, merged.model->config(), *merged.arena, merged.tokenizer.get());
  return folder;
}

// With the model under its adapters, where it has some, else with the float model, which is read block by block for
// every batch.
std::optional<QuantizationQuality> compare_with_parent(const QuantizationJob& job, StreamedModel& streamed,
                                                       QuantizationParent& parent_info,
                                                       const std::function<void()>& check_stop) {
  auto& model = *streamed.loaded().model;
  if (has_adapter(job.checkpoint)) {
    const auto adapted = read_model_folder(job.checkpoint);
    return measure_quality(whole_windows(*adapted.model), model, job.config, job.data, parent_info, check_stop);
  }
  auto& parent = streamed.parent();
  const ComparedModel by_block{parent, [&streamed](const ScoredBatch& batch) {
                                 return streamed.hidden(batch.inputs, {.document_starts = batch.document_starts});
                               }};
  const auto head = streamed.read_block(parent.config().n_layers);
  auto quality = measure_quality(by_block, model, job.config, job.data, parent_info, check_stop);
  for (const auto& layer : head) streamed.discard(layer);
  if (quality) quality->tokens_per_parameter = tokens_per_parameter(job.checkpoint, parent);
  return quality;
}

QuantizationMetadata quantize_until_stopped(const QuantizationJob& job) {
  const std::function<void()> check_stop = [&] {
    if (job.signals && job.signals->requested() != 0) throw Stopped();
  };
  // Its ranges are known: it needs no text.
  if (is_qat_folder(job.checkpoint)) return convert_checkpoint(job, read_model_folder(job.checkpoint), check_stop);
  const auto settings = quantization_settings(job.config);
  if (settings.calibrates() && !job.data) {
    fail(ExitCode::kUsage, "quantization_type {}, quantization_method {}: need calibration text; give one with --data",
         name_of(settings.scheme.type), name_of(settings.method));
  }
  const auto source = float_folder(job);
  QuantizationMemory memory;
  StreamedModel streamed(source);
  const auto& loaded = streamed.loaded();
  memory.set_model(*loaded.arena);
  auto& model = *loaded.model;
  const auto plan = plan_quantization(model, settings);
  fmt::print("{}", format_plan(plan, settings));
  std::fflush(stdout);  // into a file as well it stands before what is logged afterwards
  if (settings.calibrates()) check_hidden_states(job.config, settings, model.config());
  const auto batches = settings.calibrates() ? calibration_batches(job.config, *job.data) : std::vector<TokenBatch>();
  auto metadata = describe_quantization(job.config, model);
  metadata.parent = parent_of(job.checkpoint);
  metadata.calibration = calibration_info(settings, batches, job.data);
  metadata.residual_bits = settings.residual_bits;
  StateDict residuals;
  metadata.layers = quantize_layers(model, plan, settings, batches, listener(streamed, memory, residuals, check_stop));
  metadata.coverage = coverage_of(model, plan);
  metadata.quality = compare_with_parent(job, streamed, metadata.parent, check_stop);
  const auto& folder = job.out.staging();
  std::filesystem::remove_all(folder / kMergedFolder);
  write_quantized_folder(folder, model, metadata, loaded.tokenizer.get());
  if (metadata.residual_bits > 0) write_residuals(folder, residuals);
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
