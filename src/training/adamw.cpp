#include "training/adamw.h"

#include <ATen/ops/zeros_like.h>

#include "kernels/adamw.h"

namespace slm {
namespace {

bool is_ours(const ArenaEntry& entry) { return entry.trainable && !entry.apart; }

}  // namespace

AdamW::AdamW(const ParameterArena& arena, const AdamWSettings& settings) : arena_(arena), settings_(settings) {
  const auto gradients = arena.gradients().narrow(0, 0, arena.apart_begin());
  if (settings.state_dtype != at::kByte) {
    exp_avg_ = at::zeros_like(gradients, settings.state_dtype);
    exp_avg_sq_ = at::zeros_like(exp_avg_);
    return;
  }
  for (const auto& entry : arena.entries()) {
    if (is_ours(entry)) codes_.push_back(zero_moments(entry.tensor.numel(), at::kByte, gradients.device()));
  }
}

void AdamW::step(double learning_rate, double clip_factor) {
  AdamWStep step{.learning_rate = learning_rate,
                 .beta1 = settings_.beta1,
                 .beta2 = settings_.beta2,
                 .epsilon = settings_.epsilon,
                 .weight_decay = settings_.weight_decay,
                 .clip_factor = clip_factor,
                 .step = ++steps_done_};
  if (settings_.state_dtype == at::kByte) return step_codes(step);
  const auto ours = [&](const at::Tensor& flat) {
    return flat.defined() ? flat.narrow(0, 0, arena_.apart_begin()) : flat;
  };
  const AdamWBuffers buffers{ours(arena_.parameters()), ours(arena_.gradients()), exp_avg_, exp_avg_sq_,
                             ours(arena_.shadows())};
  adamw(buffers, 0, arena_.decay_size(), step);
  step.weight_decay = 0;
  adamw(buffers, arena_.decay_size(), arena_.apart_begin(), step);
}

void AdamW::step_codes(AdamWStep step) const {
  auto moments = codes_.begin();
  for (const auto& entry : arena_.entries()) {
    if (!is_ours(entry)) continue;
    const auto part = [&](const at::Tensor& flat) {
      return flat.defined() ? flat.narrow(0, entry.offset, entry.tensor.numel()) : flat;
    };
    step.weight_decay = entry.decay ? settings_.weight_decay : 0;
    adamw({part(arena_.parameters()), part(arena_.gradients()), part(arena_.shadows())}, *moments++, step);
  }
}

StateDict AdamW::state() const {
  StateDict state;
  auto codes = codes_.begin();
  for (const auto& entry : arena_.entries()) {
    if (!is_ours(entry)) continue;
    if (!codes_.empty()) {
      add_state(*codes++, entry.name, entry.tensor.sizes(), state);
      continue;
    }
    state.push_back({"exp_avg." + entry.name, ParameterArena::view(exp_avg_, entry)});
    state.push_back({"exp_avg_sq." + entry.name, ParameterArena::view(exp_avg_sq_, entry)});
  }
  return state;
}

}  // namespace slm
