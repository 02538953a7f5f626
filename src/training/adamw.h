// The optimizer: AdamW's moments over the parameter arena.
#pragma once

#include <cstdint>

#include "checkpoint/state_dict.h"
#include "model/parameter_arena.h"

namespace slm {

struct AdamWSettings {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double weight_decay = 0.1;                // on parameters of two or more dimensions
  at::ScalarType state_dtype = at::kFloat;  // of the moments: float32 or bfloat16
};

class AdamW {
 public:
  AdamW(const ParameterArena& arena, const AdamWSettings& settings);

  /// One update from the arena's gradients times `clip_factor`.
  void step(double learning_rate, double clip_factor);
  int64_t steps_done() const { return steps_done_; }

  /// `exp_avg.<name>` and `exp_avg_sq.<name>` of every trainable parameter, views of the moments; writing into them
  /// restores a state.
  StateDict state() const;
  void set_steps_done(int64_t steps) { steps_done_ = steps; }

 private:
  const ParameterArena& arena_;
  AdamWSettings settings_;
  at::Tensor exp_avg_, exp_avg_sq_;  // (trainable_size)
  int64_t steps_done_ = 0;
};

}  // namespace slm
