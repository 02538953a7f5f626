#include "training/layer_norms.h"

#include <ATen/TensorOperators.h>

#include <cmath>

#include "kernels/sum_of_squares.h"

namespace slm {
namespace {

double norm_of(const at::Tensor& values) { return std::sqrt(sum_of_squares(values.flatten())); }

}  // namespace

LayerNorms::LayerNorms(const ParameterArena& arena, const QuantizedFinetuning* codes)
    : arena_(arena), codes_(codes), before_(arena.parameters().clone()) {
  if (!codes) return;
  for (const auto& layer : codes->layers()) {
    const auto weight = layer.linear->codes()->weight();
    codes_before_.push_back({weight.scheme, weight.codes.clone(), weight.scales.clone()});
  }
}

nlohmann::ordered_json LayerNorms::measure() const {
  nlohmann::ordered_json layers;
  for (const auto& entry : arena_.entries()) {
    if (!entry.trainable) continue;
    const auto part = [&](const at::Tensor& flat) { return flat.narrow(0, entry.offset, entry.tensor.numel()); };
    layers[entry.name] = {{"weight", norm_of(part(before_))},
                          {"gradient", norm_of(part(arena_.gradients()))},
                          {"update", norm_of(part(arena_.parameters()) - part(before_))}};
  }
  if (codes_) add_codes(layers);
  return layers;
}

void LayerNorms::add_codes(nlohmann::ordered_json& layers) const {
  for (size_t i = 0; i < codes_before_.size(); ++i) {
    const auto& layer = codes_->layers()[i];
    const auto before = dequantize(codes_before_[i]);
    layers[layer.name + ".weight"] = {{"weight", norm_of(before)},
                                      {"gradient", norm_of(layer.gradient)},
                                      {"update", norm_of(dequantize(layer.linear->codes()->weight()) - before)}};
  }
}

}  // namespace slm
