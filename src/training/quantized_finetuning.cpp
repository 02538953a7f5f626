#include "training/quantized_finetuning.h"

#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <optional>

#include "core/error.h"
#include "core/rng.h"

namespace slm {

QuantizedFinetuning::QuantizedFinetuning(Transformer& model, const QuantizedFinetuningSettings& settings)
    : settings_(settings) {
  const c10::NoGradGuard no_grad;
  int64_t size = 0;
  const auto is_trained = [&](const std::string& name) { return !settings.frozen.contains(name + ".weight"); };
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& linear) {
    const bool packed = dynamic_cast<const PackedLinear*>(linear.get()) != nullptr;
    if (packed && is_trained(name)) size += linear->out_features() * linear->in_features();
  });
  gradients_ = at::zeros({size}, model.device());
  int64_t first = 0;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& linear) {
    const auto packed = std::dynamic_pointer_cast<PackedLinear>(linear);
    if (!packed) return;
    if (!is_trained(name)) {
      linear = std::make_shared<TrainablePackedLinear>(*packed, 0, at::Tensor());
      return;
    }
    const int64_t rows = packed->out_features(), columns = packed->in_features();
    const auto gradient = gradients_.narrow(0, first, rows * columns).view({rows, columns});
    const auto trainable = std::make_shared<TrainablePackedLinear>(*packed, settings.residual_bits, gradient);
    layers_.push_back(
        {name, trainable, gradient, zero_moments(rows * columns, settings.adam.state_dtype, model.device())});
    linear = trainable;
    first += rows * columns;
  });
}

void QuantizedFinetuning::update(double learning_rate, double clip_factor, int64_t step) {
  const auto& adam = settings_.adam;
  const AdamWStep all{.learning_rate = learning_rate,
                      .beta1 = adam.beta1,
                      .beta2 = adam.beta2,
                      .epsilon = adam.epsilon,
                      .weight_decay = adam.weight_decay,
                      .clip_factor = clip_factor,
                      .step = step};
  for (const auto& layer : layers_) {
    std::optional<uint64_t> key;
    if (settings_.rounding == Rounding::kStochastic) {
      key = derive_key(settings_.seed, fmt::format("stochastic rounding {} {}", step, layer.name));
    }
    layer.linear->codes()->update(settings_.policy, key, [&](const at::Tensor& values, int64_t row) {
      const auto gradient = layer.gradient.narrow(0, row, values.size(0)).flatten();
      adamw({.values = values.flatten(), .gradients = gradient, .first = row * values.size(1)}, layer.moments, all);
    });
  }
}

StateDict QuantizedFinetuning::moments() const {
  StateDict state;
  for (const auto& layer : layers_) add_state(layer.moments, layer.name + ".weight", layer.gradient.sizes(), state);
  return state;
}

StateDict QuantizedFinetuning::residuals() const {
  StateDict state;
  if (settings_.residual_bits == 0) return state;
  for (const auto& layer : layers_) {
    state.push_back({"residual." + layer.name + ".weight", layer.linear->codes()->residual()});
  }
  return state;
}

void QuantizedFinetuning::set_residuals(const StateDict& residuals) const {
  SLM_CHECK(residuals.size() == layers_.size());
  for (size_t i = 0; i < layers_.size(); ++i) layers_[i].linear->codes()->set_residual(residuals[i].tensor);
}

}  // namespace slm
