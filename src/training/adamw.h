// AdamW: its moments over the parameter arena.
#pragma once

#include <cstdint>
#include <vector>

#include "model/parameter_arena.h"
#include "training/moments.h"
#include "training/optimizer.h"

namespace slm {

struct AdamWSettings {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double weight_decay = 0.1;                // on parameters of two or more dimensions
  at::ScalarType state_dtype = at::kFloat;  // of the moments: float32, bfloat16, or uint8 (codes of 8 bits)
};

/// Of all trainable parameters but those that the arena keeps apart.
class AdamW final : public Optimizer {
 public:
  AdamW(const ParameterArena& arena, const AdamWSettings& settings);

  void step(double learning_rate, double clip_factor) override;
  int64_t steps_done() const override { return steps_done_; }
  void set_steps_done(int64_t steps) override { steps_done_ = steps; }
  /// As add_state of each parameter's moments.
  StateDict state() const override;

 private:
  void step_codes(AdamWStep step) const;

  const ParameterArena& arena_;
  AdamWSettings settings_;
  at::Tensor exp_avg_, exp_avg_sq_;  // (apart_begin); undefined where the moments are codes
  std::vector<Moments> codes_;       // of each parameter in the arena's order, so that its blocks are its own
  int64_t steps_done_ = 0;
};

}  // namespace slm
