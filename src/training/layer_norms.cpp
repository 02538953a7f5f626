#include "training/layer_norms.h"

#include <cmath>

#include "kernels/sum_of_squares.h"

namespace slm {

LayerNorms::LayerNorms(const ParameterArena& arena) : arena_(arena), before_(arena.parameters().clone()) {}

nlohmann::ordered_json LayerNorms::measure() const {
  nlohmann::ordered_json layers;
  for (const auto& entry : arena_.entries()) {
    if (!entry.trainable) continue;
    const auto part = [&](const at::Tensor& flat) { return flat.narrow(0, entry.offset, entry.tensor.numel()); };
    const auto norm = [](const at::Tensor& values) { return std::sqrt(sum_of_squares(values)); };
    layers[entry.name] = {{"weight", norm(part(before_))},
                          {"gradient", norm(part(arena_.gradients()))},
                          {"update", norm(part(arena_.parameters()) - part(before_))}};
  }
  return layers;
}

}  // namespace slm
