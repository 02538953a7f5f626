#include "training/quantized_finetuning.h"

#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <optional>

#include "core/error.h"
#include "core/rng.h"
#include "kernels/adamw.h"

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
  exp_avg_ = at::zeros_like(gradients_, settings.adam.state_dtype);
  exp_avg_sq_ = at::zeros_like(exp_avg_);
  int64_t first = 0;
  model.visit_linears([&](const std::string& name, std::shared_ptr<Linear>& linear) {
    const auto packed = std::dynamic_pointer_cast<PackedLinear>(linear);
    if (!packed) return;
    if (!is_trained(name)) {
      linear = std::make_shared<TrainablePackedLinear>(*packed, 0, at::Tensor());
      return;
    }
    const int64_t rows = packed->out_features(), columns = packed->in_features();
    const auto part = [&](const at::Tensor& flat) {
      return flat.narrow(0, first, rows * columns).view({rows, columns});
    };
    const auto trainable = std::make_shared<TrainablePackedLinear>(*packed, settings.residual_bits, part(gradients_));
    layers_.push_back({name, trainable, part(gradients_), part(exp_avg_), part(exp_avg_sq_)});
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
  for (const auto& [name, linear, gradient, exp_avg, exp_avg_sq] : layers_) {
    std::optional<uint64_t> key;
    if (settings_.rounding == Rounding::kStochastic) {
      key = derive_key(settings_.seed, fmt::format("stochastic rounding {} {}", step, name));
    }
    linear->codes()->update(
        settings_.policy, key,
        [&, &gradient = gradient, &exp_avg = exp_avg, &exp_avg_sq = exp_avg_sq](const at::Tensor& values, int64_t row) {
          const auto rows = [&](const at::Tensor& matrix) { return matrix.narrow(0, row, values.size(0)).flatten(); };
          adamw({values.flatten(), rows(gradient), rows(exp_avg), rows(exp_avg_sq)}, 0, values.numel(), all);
        });
  }
}

StateDict QuantizedFinetuning::moments() const {
  StateDict state;
  for (const auto& layer : layers_) {
    state.push_back({"exp_avg." + layer.name + ".weight", layer.exp_avg});
    state.push_back({"exp_avg_sq." + layer.name + ".weight", layer.exp_avg_sq});
  }
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
