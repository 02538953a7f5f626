#include "training/adamw.h"

#include <ATen/ops/zeros_like.h>

#include "kernels/adamw.h"

namespace slm {

AdamW::AdamW(const ParameterArena& arena, const AdamWSettings& settings)
    : arena_(arena),
      settings_(settings),
      exp_avg_(at::zeros_like(arena.gradients().narrow(0, 0, arena.apart_begin()), settings.state_dtype)),
      exp_avg_sq_(at::zeros_like(exp_avg_)) {}

void AdamW::step(double learning_rate, double clip_factor) {
  const auto ours = [&](const at::Tensor& flat) {
    return flat.defined() ? flat.narrow(0, 0, arena_.apart_begin()) : flat;
  };
  const AdamWBuffers buffers{ours(arena_.parameters()), ours(arena_.gradients()), exp_avg_, exp_avg_sq_,
                             ours(arena_.shadows())};
  AdamWStep step{.learning_rate = learning_rate,
                 .beta1 = settings_.beta1,
                 .beta2 = settings_.beta2,
                 .epsilon = settings_.epsilon,
                 .weight_decay = settings_.weight_decay,
                 .clip_factor = clip_factor,
                 .step = ++steps_done_};
  adamw(buffers, 0, arena_.decay_size(), step);
  step.weight_decay = 0;
  adamw(buffers, arena_.decay_size(), arena_.apart_begin(), step);
}

StateDict AdamW::state() const {
  StateDict state;
  for (const auto& entry : arena_.entries()) {
    if (!entry.trainable || entry.apart) continue;
    state.push_back({"exp_avg." + entry.name, ParameterArena::view(exp_avg_, entry)});
    state.push_back({"exp_avg_sq." + entry.name, ParameterArena::view(exp_avg_sq_, entry)});
  }
  return state;
}

}  // namespace slm
