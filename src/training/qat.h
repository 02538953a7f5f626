// Quantization-aware training as part of a run: when it begins, what it does in each step, and what of it is saved.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/state_dict.h"
#include "config/qat_schedule.h"
#include "config/training_config.h"
#include "quantization/fake_quantization.h"
#include "training/adamw.h"
#include "training/distillation.h"

namespace slm {

/// What a quantized step did.
struct QatNumbers {
  int64_t weights = 0, activations = 0;                 // elements that were fake-quantized
  double clipped_weights = 0, clipped_activations = 0;  // share beyond the outermost code
  double code_flips = 0;                                // share of the weights' codes that the update changed
  double scale_drift = 0;  // mean of |s - s0| / s0 over the weights' scales, s0 as QAT began
};

nlohmann::ordered_json to_json(const QatNumbers& numbers);

/// Canonical names of the weights whose layers will compute with something else than the masters (for the arena); none
/// without quantization_mode qat. Error (kUsage) where the quantization keys do not fit the model.
std::set<std::string> fake_quantized_weights(const TrainingConfig& config, const TransformerConfig& shape);

class Qat {
 public:
  /// Takes over the model's layers (FakeQuantization); the arena holds their weights as derived. After that or restore,
  /// resume_at makes the weights that the layers compute with.
  Qat(Transformer& model, const ParameterArena& arena, const TrainingConfig& config, const QatSchedule& schedule,
      int64_t tokens_per_step);

  /// The masters come from codes, whose scales these are: learned ones begin with them if QAT begins at step 0.
  void set_scales_of_codes(ScalesByLayer scales) { scales_of_codes_ = std::move(scales); }

  /// The masters have their values: of the checkpoint after `step` steps, or of a new run's beginning.
  void resume_at(int64_t step);

  /// The model of the step at which QAT began, of a run that goes on from a later one. To be called then, where
  /// distills().
  void set_parent(LoadedModel parent) { distillation_.emplace(std::move(parent), distill_weight_); }
  bool distills() const { return distill_weight_ > 0; }
  const ParentSettings& parent_settings() const { return parent_settings_; }

  /// Before the forward passes of a step. `measured`: numbers() will be asked for.
  void begin_step(int64_t step, bool measured);
  /// Whom the step's predictions follow beside the targets; null where it is nobody.
  const Distillation* distillation() const { return quantizing_ && distillation_ ? &*distillation_ : nullptr; }
  /// After the last backward pass: gradients of what the layers computed with become those of the masters. Error
  /// (kFailed) in the first quantized step where a layer did not take part in it.
  void finish_gradients();
  /// After the optimizer's update, or without one where the step is skipped.
  void end_step(bool applied, double learning_rate, double clip_factor);

  const QatSchedule& schedule() const { return schedule_; }
  const FakeQuantization& layers() const { return layers_; }
  /// Of the last measured and quantized step.
  const std::optional<QatNumbers>& numbers() const { return numbers_; }

  /// Schedule, ranges and what the observers have seen: `qat` of quantization_metadata.json.
  nlohmann::ordered_json state() const;
  /// Learned scales, `<layer>.weight_scale`; empty where they follow the weights, and before they are learned.
  StateDict scales() const;
  /// What only the next step depends on: the scales' moments, and the scales as QAT began.
  StateDict optimizer_state() const;
  /// For a checkpoint after `step` steps: which tensors it holds. To be called before the two above on resuming.
  void set_step(int64_t step) { steps_done_ = step; }
  /// Error (kData) beginning with `origin` where another schedule or other places were saved.
  void restore(const nlohmann::json& state, const std::string& origin);

 private:
  void check_took_part() const;
  void measure(bool applied);
  bool has_begun() const { return steps_done_ > schedule_.start; }

  QatSchedule schedule_;
  FakeQuantization layers_;
  AdamWSettings adam_;
  const ParameterArena& arena_;
  TransformerConfig shape_;
  ParentSettings parent_settings_;
  double distill_weight_;
  std::optional<Distillation> distillation_;        // from the first quantized step on
  at::Tensor start_scales_, exp_avg_, exp_avg_sq_;  // as FakeQuantization::scales
  ScalesByLayer scales_of_codes_;
  int64_t steps_done_ = 0, scale_updates_ = 0;
  bool quantizing_ = false, measured_ = false, has_taken_part_ = false;
  std::vector<at::Tensor> codes_before_;  // of every weight, in a measured step
  std::optional<QatNumbers> numbers_;
};

}  // namespace slm
