#include "training/restore_run.h"

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/qat_folder.h"
#include "checkpoint/tensor_io.h"
#include "config/load.h"
#include "config/resolve.h"
#include "config/resume.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "quantization/metadata_json.h"
#include "training/adapter_training.h"
#include "training/quantization_record.h"

namespace slm {
namespace {

// The decay of wsd is counted from the end: a run that has begun it cannot be made longer any more.
void check_lengthening(const TrainingSetup& setup, const TrainingConfig& saved) {
  const int64_t before = count_steps(saved, setup.data, setup.rows_per_step), decay = wsd_decay_steps(saved, before);
  if (saved.lr_scheduler_type != "wsd" || before == setup.total_steps || setup.progress.step <= before - decay) return;
  fail(
      ExitCode::kUsage,
      "{} steps instead of {}: the decay began at step {}, and the checkpoint stands at {}; resume from an earlier one",
      setup.total_steps, before, before - decay, setup.progress.step);
}

// The part of a checkpoint that belongs to quantization-aware training; the masters are loaded.
void restore_qat(TrainingSetup& setup, const std::filesystem::path& checkpoint) {
  const bool was_qat = is_qat_folder(checkpoint);
  if (!setup.qat && !was_qat) return;
  const auto origin = (checkpoint / kQuantizationMetadataFile).string();
  const auto steps = setup.progress.step;
  if (!setup.qat) {
    fail(ExitCode::kUsage,
         "quantization_mode: found {}, but {} is of a run with qat; put it back, or start a new run with init_from",
         setup.config.quantization.mode, checkpoint.string());
  }
  setup.qat->set_step(steps);
  if (!was_qat) {
    if (steps <= setup.qat->schedule().start) return;
    fail(ExitCode::kUsage, "quantization_mode: qat was to start at step {}, but {} stands at step {} without it",
         setup.qat->schedule().start, checkpoint.string(), steps);
  }
  const auto metadata = read_qat_metadata(checkpoint);
  const auto scheme = quantization_settings(setup.config).scheme;
  if (metadata.scheme != scheme) {
    fail(ExitCode::kUsage,
         "quantization_bits, quantization_type, quantization_granularity: the checkpoint {} is trained for {}, the "
         "config now asks for {}; put it back, or start a new run with init_from",
         checkpoint.string(), describe(metadata.scheme), describe(scheme));
  }
  setup.qat->restore(metadata.qat, origin);
  if (const auto scales = setup.qat->scales(); !scales.empty()) load_state(checkpoint / kQatScalesFile, scales);
}

// The model that the run learns from lies beside its checkpoints.
void restore_parent(TrainingSetup& setup, const std::filesystem::path& checkpoint) {
  if (!setup.qat || !setup.qat->distills()) return;
  const int64_t start = setup.qat->schedule().start;
  if (setup.progress.step <= start) return;
  auto folder = RunFolder(checkpoint.parent_path().parent_path()).float_parent();
  if (!std::filesystem::exists(folder)) folder = setup.folder.float_parent();
  setup.qat->set_parent(read_parent(folder, {.start = start, .run_id = setup.progress.run_id},
                                    setup.loaded.model->config(), setup.qat->parent_settings()));
  setup.parent_read_from = folder;
}

}  // namespace

void restore_run(TrainingSetup& setup, const std::filesystem::path& checkpoint) {
  const auto config_path = checkpoint / "training_config.yaml";
  auto saved = parse_training_config(read_file(config_path), config_path.string());
  if (!saved.dtype) saved.dtype = "float32";  // the only one before there was a choice
  for (const auto& warning : check_resumable(saved, setup.config)) log_warning("{}", warning);
  setup.progress = read_run_progress(checkpoint / kTrainerStateFile);
  resolve_defaults(saved);
  check_lengthening(setup, saved);
  if (setup.progress.data_hash != setup.data.hash) {
    fail(ExitCode::kData,
         "{}: was trained on other data (the text or the tokenizer has changed since); start a new run, with init_from "
         "to keep the weights",
         checkpoint.string());
  }
  // Codes are there already: the model was built from them.
  if (!setup.loaded.quantization) load_parameters(checkpoint, setup.loaded.model->config(), *setup.loaded.arena);
  if (setup.adapters) restore_adapters(*setup.adapters, checkpoint, setup.loaded.model->config());
  restore_qat(setup, checkpoint);
  restore_parent(setup, checkpoint);
  auto state = setup.optimizer->state();
  const auto add = [&](const StateDict& more) { state.insert(state.end(), more.begin(), more.end()); };
  if (setup.qat) add(setup.qat->optimizer_state());
  const auto residuals = setup.codes ? setup.codes->residuals() : StateDict();
  if (setup.codes) add(setup.codes->moments());
  add(residuals);
  load_state(checkpoint / "optimizer.safetensors", state);
  if (!residuals.empty()) setup.codes->set_residuals(residuals);
  setup.optimizer->set_steps_done(setup.progress.optimizer_steps);
  setup.resumed = true;
}

}  // namespace slm
