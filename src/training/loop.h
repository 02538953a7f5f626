// The training loop: steps, and at their cadence metrics, evaluations, samples and checkpoints.
#pragma once

#include <chrono>
#include <optional>

#include "checkpoint/checkpoint_store.h"
#include "core/signals.h"
#include "evaluation/evaluate.h"
#include "evaluation/probe_scores.h"
#include "training/metrics_log.h"
#include "training/progress.h"
#include "training/setup.h"
#include "training/train_step.h"

namespace slm {

struct TrainingOutcome {
  int signal = 0;                                   // that stopped the run, else 0
  bool save_failed = false;                         // a checkpoint could not be written; training went on
  std::optional<EvaluationResult> evaluation;       // the last one
  std::optional<std::filesystem::path> checkpoint;  // the last one
  std::optional<std::filesystem::path> quantized;   // what the run was to end in
};

/// The batches of the run, from the one that its next step takes.
BatchLoader make_loader(const TrainingSetup& setup);

/// How the run computes the step with this number, from 0.
StepSettings step_settings(const TrainingConfig& config, int64_t step);

/// What the run's steps work on.
StepParts step_parts(const TrainingSetup& setup);

class TrainingLoop {
 public:
  explicit TrainingLoop(TrainingSetup& setup);

  /// Trains to the end, or until a signal asks to stop: then the step is finished and saved.
  /// Error (kDiverged) where more than max_skipped_steps steps in a row were not finite.
  TrainingOutcome run(const StopSignals& signals);

 private:
  void one_step();
  void begin_qat_step();
  void save_float_parent();
  void keep_float_parent();
  void write_memory();
  void check_finite(const StepResult& result);
  void log_step(const StepResult& result, double learning_rate, double seconds);
  void evaluate_now();
  std::vector<ProbeScore> probe_scores();
  void count_evaluation(double loss);
  bool has_ended() const;
  void sample_now();
  void save_now();
  std::optional<QuantizationMetadata> quantization_metadata() const;
  StateDict optimizer_state() const;

  TrainingSetup& setup_;
  const TrainingConfig& config_;
  RunProgress& progress_;
  BatchLoader loader_;
  CheckpointStore store_;
  MetricsLog metrics_;
  ProgressLine line_;
  TrainingOutcome outcome_;
  bool is_best_ = false;       // the model as it is now has the lowest validation loss of the run
  double recent_seconds_ = 0;  // running mean of a step's time
};

}  // namespace slm
