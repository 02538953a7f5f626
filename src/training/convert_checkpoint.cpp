#include "training/convert_checkpoint.h"

#include <fmt/format.h>

#include <cmath>

#include "checkpoint/folder_files.h"
#include "checkpoint/qat_folder.h"
#include "checkpoint/quantized_folder.h"
#include "config/describe.h"
#include "core/error.h"
#include "core/log.h"
#include "evaluation/evaluate.h"
#include "quantization/fake_quantization.h"
#include "quantization/packed_linear.h"
#include "quantization/quantize_layers.h"
#include "training/quantization_record.h"

namespace slm {
namespace {

bool has_validation(const QuantizationJob& job) { return job.data && job.data->validation; }

double validation_loss(const QuantizationJob& job, Transformer& model) {
  return evaluate(model, *job.data->validation, job.data->token_bytes, *job.config.model.max_sequence_length,
                  {.batch_size = *job.config.micro_batch_size,
                   .max_batches = 0,
                   .isolate_documents = job.config.data.isolate_documents})
      .loss;
}

void check_job(const QuantizationJob& job, const QuantizationMetadata& trained) {
  const auto start = trained.qat.at("start_step").get<int64_t>(), done = trained.qat.at("steps_done").get<int64_t>();
  if (done <= start) {
    fail(ExitCode::kUsage, "{}: stands at step {}, and quantization-aware training starts at step {}; train on",
         job.checkpoint.string(), done, start);
  }
  const auto asked = quantization_settings(job.config).scheme;
  if (asked == trained.scheme) return;
  fail(ExitCode::kUsage, "{}: is trained for {}, but {} is asked for; leave the keys out", job.checkpoint.string(),
       describe(trained.scheme), describe(asked));
}

void check_equal_losses(double fake, double packed) {
  log_info("validation loss: fake-quantized {:.6f}, packed {:.6f} ({:+.2e})", fake, packed, packed - fake);
  if (std::abs(packed - fake) <= kConversionTolerance) return;
  fail(ExitCode::kFailed,
       "the packed layers' validation loss is {:+.2e} from the fake-quantized ones', expected at most {:.0e}; please "
       "report this",
       packed - fake, kConversionTolerance);
}

struct Row {
  const char* what;
  double loss;
  std::optional<double> kl, top1;
};

std::string format_rows(const std::vector<Row>& rows) {
  std::string text = fmt::format("{:<24}  {:>10}  {:>8}  {:>8}  {:>7}\n", "", "validation", "", "KL", "top-1");
  for (const auto& [what, loss, kl, top1] : rows) {
    text += fmt::format("{:<24}  {:>10.4f}  {:>+8.4f}  {:>8}  {:>7}\n", what, loss, loss - rows[0].loss,
                        kl ? fmt::format("{:.5f}", *kl) : "", top1 ? fmt::format("{:.4f}", *top1) : "");
  }
  return text;
}

// The parent as post-training quantization by GPTQ makes it, under the same scheme.
QuantizationQuality ptq_quality(const QuantizationJob& job, Transformer& parent, const QuantizationMetadata& trained,
                                const std::function<void()>& check_stop) {
  auto settings = quantization_settings(job.config);
  settings.method = QuantizationMethod::kGptq;
  settings.observer = ObserverKind::kMse;  // post-training quantization's best
  const auto twin = read_model_folder(*job.float_parent);
  auto& model = *twin.model;
  const auto plan = plan_quantization(model, settings);
  log_info("the same scheme by post-training quantization of the parent (gptq), for comparison");
  quantize_layers(model, plan, settings, calibration_batches(job.config, *job.data),
                  {.on_layer = [&](const QuantizedLayerInfo&) { check_stop(); }});
  auto info = trained.parent;
  return *measure_quality(whole_windows(parent), model, job.config, job.data, info, check_stop);
}

void compare(const QuantizationJob& job, Transformer& packed, double fake_loss, QuantizationMetadata& metadata,
             const std::function<void()>& check_stop) {
  if (!job.float_parent) {
    const auto same = read_model_folder(job.checkpoint);
    metadata.quality =
        measure_quality(whole_windows(*same.model), packed, job.config, job.data, metadata.parent, check_stop);
    return;
  }
  const auto parent = read_model_folder(*job.float_parent);
  metadata.parent = parent_of(*job.float_parent);
  metadata.quality =
      measure_quality(whole_windows(*parent.model), packed, job.config, job.data, metadata.parent, check_stop);
  const auto ptq = ptq_quality(job, *parent.model, metadata, check_stop);
  const auto& qat = *metadata.quality;
  fmt::print("{}", format_rows({{"float parent", *metadata.parent.validation_loss, {}, {}},
                                {"post-training (gptq)", ptq.validation_loss, ptq.kl_divergence, ptq.top1_agreement},
                                {"trained, fake-quantized", fake_loss, {}, {}},
                                {"trained, packed", qat.validation_loss, qat.kl_divergence, qat.top1_agreement}}));
  std::fflush(stdout);
}

}  // namespace

QuantizationMetadata convert_checkpoint(const QuantizationJob& job, const LoadedModel& loaded,
                                        const std::function<void()>& check_stop) {
  const auto trained = read_qat_metadata(job.checkpoint);
  check_job(job, trained);
  auto& model = *loaded.model;
  const bool measures = has_validation(job);
  const double fake_loss = measures ? validation_loss(job, model) : 0;
  auto metadata = describe_quantization(job.config, model);
  metadata.mode = "qat";
  metadata.parent = parent_of(job.checkpoint);
  metadata.layers = loaded.fake_quantization->convert(model);
  for (const auto& layer : metadata.layers) log_layer(layer);
  if (measures) {
    check_equal_losses(fake_loss, validation_loss(job, model));
    compare(job, model, fake_loss, metadata, check_stop);
    metadata.quality->tokens_per_parameter = tokens_per_parameter(job.checkpoint, model);
  } else {
    log_info("no validation text: the packed model is not compared with the fake-quantized one");
  }
  const auto& folder = job.out.staging();
  write_quantized_folder(folder, model, metadata, loaded.tokenizer.get());
  if (job.data) write_text(folder / "training_config.yaml", print_config(job.config));
  job.out.commit({.kind = "quantized",
                  .step = trained.qat.at("steps_done").get<int64_t>(),
                  .run_id = {},
                  .parent = job.checkpoint.string()});
  log_info("saved {}: {} parameters at {:.2f} bits, {} in float", job.out.final_folder().string(),
           metadata.coverage.quantized_parameters, metadata.coverage.bits_per_weight,
           metadata.coverage.float_parameters);
  return metadata;
}

}  // namespace slm
