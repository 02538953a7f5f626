#include "training/muon.h"

#include <ATen/ops/lerp.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

#include "kernels/orthogonalize.h"

namespace slm {

void muon(const at::Tensor& parameter, const at::Tensor& gradient, const at::Tensor& momentum,
          const MuonSettings& settings, const MuonStep& step) {
  const auto clipped = gradient.mul(step.clip_factor);
  momentum.lerp_(clipped, 1 - settings.momentum);
  const auto direction = settings.nesterov ? at::lerp(clipped, momentum, settings.momentum) : momentum;
  const auto update = orthogonalized(direction, settings.steps, settings.dtype);
  // All singular values of the update are near 1, so the root of its mean square is 1 / sqrt(max(N, K)); AdamW's is
  // about 0.2.
  const double longest = static_cast<double>(std::max(parameter.size(0), parameter.size(1)));
  parameter.mul_(1 - step.learning_rate * settings.weight_decay);
  parameter.sub_(update, step.learning_rate * 0.2 * std::sqrt(longest));
}

Muon::Muon(const ParameterArena& arena, const MuonSettings& settings, const AdamWSettings& rest)
    : settings_(settings), rest_(arena, rest) {
  for (const auto& entry : arena.entries()) {
    if (!entry.apart) continue;
    Matrix matrix{.name = entry.name,
                  .parameter = ParameterArena::view(arena.parameters(), entry),
                  .gradient = ParameterArena::view(arena.gradients(), entry),
                  .shadow = {},
                  .momentum = {}};
    if (arena.shadows().defined()) matrix.shadow = ParameterArena::view(arena.shadows(), entry);
    matrix.momentum = at::zeros_like(matrix.gradient);
    matrices_.push_back(matrix);
  }
}

void Muon::step(double learning_rate, double clip_factor) {
  rest_.step(learning_rate, clip_factor);
  for (const auto& [name, parameter, gradient, shadow, momentum] : matrices_) {
    muon(parameter, gradient, momentum, settings_, {.learning_rate = learning_rate, .clip_factor = clip_factor});
    if (shadow.defined()) shadow.copy_(parameter);
  }
}

StateDict Muon::state() const {
  auto state = rest_.state();
  for (const auto& matrix : matrices_) state.push_back({"momentum_buffer." + matrix.name, matrix.momentum});
  return state;
}

}  // namespace slm
