// What the training loop knows of an optimizer.
#pragma once

#include <cstdint>

#include "checkpoint/state_dict.h"

namespace slm {

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// One update of the arena's trainable parameters, and of their shadows, from its gradients times `clip_factor`.
  virtual void step(double learning_rate, double clip_factor) = 0;

  /// Updates done.
  virtual int64_t steps_done() const = 0;
  virtual void set_steps_done(int64_t steps) = 0;

  /// Everything else that the next update depends on, `<what>.<canonical name>` (docs/checkpoint_format.md): the
  /// tensors themselves, so that writing into them restores a state.
  virtual StateDict state() const = 0;
};

}  // namespace slm
