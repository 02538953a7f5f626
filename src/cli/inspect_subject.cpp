#include "cli/inspect_subject.h"

#include <cmath>
#include <set>

#include "checkpoint/adapted_model.h"
#include "checkpoint/checkpoint_store.h"
#include "checkpoint/qat_folder.h"
#include "checkpoint/quantized_folder.h"
#include "cli/inspect_model.h"
#include "config/quantization_keys.h"
#include "core/error.h"
#include "core/file.h"
#include "core/live_line.h"
#include "core/log.h"
#include "core/sha256.h"
#include "evaluation/divergence.h"
#include "evaluation/sensitivity.h"
#include "formats/manifest.h"
#include "model/model_size.h"
#include "quantization/output_error.h"
#include "quantization/quantize_layers.h"
#include "report/layer_names.h"
#include "training/quantization_record.h"
#include "training/quantize_checkpoint.h"

namespace slm::cli {
namespace {

namespace fs = std::filesystem;

// Of weights alone, where nothing else is said: activations need a text to be calibrated on.
QuantizationConfig read_as(const std::string& text) {
  QuantizationConfig defaults;
  defaults.type = "weight_only";
  return read_quantization_keys(text, "--as", defaults);
}

// What has no effect beside what else is given is an error.
void check_arguments(const InspectArguments& arguments, bool quantized) {
  const auto refuse = [](bool wrong, const char* text) {
    if (wrong) fail(ExitCode::kUsage, "{}", text);
  };
  refuse(arguments.sensitivity && (!arguments.layers.empty() || !arguments.page.empty() || !arguments.parent.empty()),
         "--sensitivity: goes with --as, --data, --batches, --by-input and --json only");
  refuse(arguments.by_input && !arguments.sensitivity, "--by-input: goes with --sensitivity only");
  refuse(!arguments.parent.empty() && !quantized,
         "--parent: goes with a quantized checkpoint only; this one has float weights");
  refuse(!arguments.data.empty() && !arguments.sensitivity && !arguments.as && arguments.parent.empty(),
         "--data: is read with --as, --parent or --sensitivity only; alone it has no effect");
  refuse(arguments.batches && arguments.data.empty() && !arguments.sensitivity,
         "--batches: goes with --data or --sensitivity only; alone it has no effect");
}

QuantizationSettings settings_of(const QuantizationConfig& as) {
  TrainingConfig config;
  config.quantization = as;
  return quantization_settings(config);
}

std::vector<TokenBatch> calibration_of(const Subject& subject, const QuantizationSettings& settings) {
  if (!settings.calibrates()) return {};
  auto config = subject.text->config();
  config.quantization = *subject.as;
  return calibration_batches(config, subject.text->data());
}

LayerFilter filter_of(const InspectArguments& arguments, Transformer& model) {
  if (arguments.layers.empty()) return [](const std::string&) { return true; };
  const auto names = linear_names(model);
  std::set<std::string> wanted;
  for (const auto& pattern : arguments.layers) {
    const auto found = select_layers(names, pattern, "--layer");
    wanted.insert(found.begin(), found.end());
  }
  return [wanted](const std::string& name) { return wanted.contains(name); };
}

// What the validation text says of the model beside its float parent: inside, and at its end.
void measure(const CheckpointText& text, int64_t batches, Transformer& parent, Transformer& model, bool same_inputs,
             Inspection& inspection) {
  const auto errors = measure_output_errors(parent, model, text.token_batches(batches), same_inputs);
  inspection.layer_outputs = errors.layers;
  inspection.block_outputs = errors.blocks;
  inspection.output_tokens = errors.tokens;
  const auto result = compare_predictions(parent, model, text.validation(), text.window(), text.first_batches(batches));
  inspection.quality = QualityReport{.parent_loss = result.loss_first,
                                     .loss = result.loss_second,
                                     .perplexity = std::exp(result.loss_second),
                                     .kl_divergence = result.kl_divergence,
                                     .top1_agreement = result.top1_agreement,
                                     .tokens = result.tokens};
}

Inspection inspect_as_if(Subject& subject, const InspectArguments& arguments) {
  const auto settings = settings_of(*subject.as);
  if (!arguments.data.empty() || settings.calibrates()) {
    subject.text = std::make_unique<CheckpointText>(subject.path, subject.loaded, arguments.data);
  }
  auto& parent = *subject.loaded.model;
  const auto wanted = filter_of(arguments, parent);
  const auto plan = plan_quantization(parent, settings);
  const auto model = parent.share();
  QuantizationMetadata metadata{
      .method = std::string(name_of(settings.method)), .smooth = settings.smooth, .scheme = settings.scheme};
  metadata.layers = quantize_layers(*model, plan, settings, calibration_of(subject, settings));
  for (const auto& layer : plan) {
    if (!layer.scheme) metadata.left_float.push_back({layer.name, layer.reason});
  }
  auto inspection = inspect_quantized(*model, metadata, dense_weights(parent), wanted);
  inspection.kind = InspectionKind::kAsIf;
  if (!arguments.data.empty()) {
    measure(*subject.text, arguments.batches.value_or(kUsualBatches), parent, *model, settings.smooth == 0, inspection);
  }
  return inspection;
}

// Adapters have no layers of their own to look at: of a float model the sum is shown, of a quantized one its codes.
LoadedModel read_inspected(const fs::path& path) {
  if (!has_adapter(path)) return read_model_folder(path);
  if (is_quantized_folder(path)) {
    log_info("{}: the quantized model below the adapters is shown; slm merge makes one float model of both",
             path.string());
    return read_base_folder(path);
  }
  log_info("{}: the layers are shown with their adapters added", path.string());
  return read_merged(path, path / kAdapterFolder);
}

// Error (kData) where the parent has another shape; a warning where it is not the one that the metadata names.
void check_parent(const fs::path& path, const LoadedModel& parent, const LoadedModel& loaded) {
  if (parent.quantization) fail(ExitCode::kData, "--parent: {}: is quantized itself", path.string());
  auto expected = loaded.model->config(), found = parent.model->config();
  expected.tie_embeddings = found.tie_embeddings;  // a quantized model is untied
  expected.special_tokens = found.special_tokens;
  expected.initializer_range = found.initializer_range;
  if (expected != found) {
    fail(ExitCode::kData, "--parent: {}: another shape ({}) than the quantized model's ({})", path.string(),
         describe(found), describe(expected));
  }
  const auto manifest = path / kManifestFile;
  const auto& named = loaded.quantization->parent.manifest_sha256;
  if (named.empty() || (fs::exists(manifest) && sha256_hex(read_file(manifest)) == named)) return;
  log_warning("{}: is not the checkpoint that the quantized one names as its parent", path.string());
}

// Fake-quantized, so that its layers' own tensors are neither float weights nor codes.
bool in_training(const Subject& subject) {
  return subject.loaded.fake_quantization && qat_has_begun(read_qat_metadata(subject.path));
}

Inspection inspect_checkpoint(Subject& subject, const InspectArguments& arguments) {
  auto& model = *subject.loaded.model;
  const auto wanted = filter_of(arguments, model);
  if (in_training(subject)) return inspect_in_training(subject.loaded, subject.path, wanted);
  if (!subject.loaded.quantization) return inspect_float(model, wanted);
  const auto& metadata = *subject.loaded.quantization;
  if (arguments.parent.empty()) return inspect_quantized(model, metadata, {}, wanted);
  const auto path = find_checkpoint(arguments.parent);
  verify_or_warn(path);
  const auto parent = read_inspected(path);
  check_parent(path, parent, subject.loaded);
  auto inspection = inspect_quantized(model, metadata, float_weights(parent), wanted);
  if (!arguments.data.empty()) {
    subject.text = std::make_unique<CheckpointText>(subject.path, subject.loaded, arguments.data);
    measure(*subject.text, arguments.batches.value_or(kUsualBatches), *parent.model, model, metadata.smooth == 0,
            inspection);
  }
  return inspection;
}

}  // namespace

Subject read_subject(const InspectArguments& arguments) {
  Subject subject{.path = find_checkpoint(arguments.checkpoint), .loaded = {}, .as = std::nullopt, .text = nullptr};
  if (arguments.as) subject.as = read_as(*arguments.as);
  if (arguments.sensitivity && !subject.as) subject.as = read_as("bits=4");
  verify_or_warn(subject.path);
  subject.loaded = read_inspected(subject.path);
  if (subject.loaded.quantization && subject.as) {
    fail(ExitCode::kUsage, "{}: is quantized already; --as and --sensitivity are for the float model it was made from",
         subject.path.string());
  }
  if (subject.as && in_training(subject)) {
    fail(ExitCode::kUsage,
         "{}: is being trained for {}; --as and --sensitivity are for a float model, such as the run's float_parent",
         subject.path.string(), describe(read_qat_metadata(subject.path).scheme));
  }
  check_arguments(arguments, subject.loaded.quantization.has_value());
  return subject;
}

Inspection inspect(Subject& subject, const InspectArguments& arguments) {
  auto inspection = subject.as ? inspect_as_if(subject, arguments) : inspect_checkpoint(subject, arguments);
  inspection.checkpoint = arguments.checkpoint;
  return inspection;
}

Sensitivity sensitivity_of(Subject& subject, const InspectArguments& arguments) {
  subject.text = std::make_unique<CheckpointText>(subject.path, subject.loaded, arguments.data);
  const auto settings = settings_of(*subject.as);
  const auto calibration = calibration_of(subject, settings);
  LiveLine line;
  auto sensitivity =
      measure_sensitivity({.model = *subject.loaded.model,
                           .settings = settings,
                           .calibration = calibration,
                           .tokens = subject.text->validation(),
                           .sequence_length = subject.text->window(),
                           .evaluation = subject.text->first_batches(arguments.batches.value_or(kUsualBatches)),
                           .by_input = arguments.by_input},
                          [&](double share) { line.show(fmt::format("{:3.0f} %", 100 * share)); });
  line.clear();
  sensitivity.checkpoint = arguments.checkpoint;
  return sensitivity;
}

}  // namespace slm::cli
