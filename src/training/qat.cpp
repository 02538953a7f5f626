#include "training/qat.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/count_nonzero.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/error.h"
#include "kernels/adamw.h"
#include "training/builders.h"
#include "training/quantization_record.h"

namespace slm {
namespace {

FakeQuantizationSettings layer_settings(const TrainingConfig& config, const QatSchedule& schedule,
                                        int64_t tokens_per_step) {
  return {.quantization = quantization_settings(config),
          .learned_scales = config.quantization.qat_scale == "learned",
          .observed_tokens = (schedule.freeze - schedule.observe) * tokens_per_step};
}

StateDict named(std::vector<NamedTensor> by_layer, const char* prefix, const char* suffix) {
  for (auto& tensor : by_layer) tensor.name = prefix + tensor.name + suffix;
  return by_layer;
}

}  // namespace

std::set<std::string> fake_quantized_weights(const TrainingConfig& config, const TransformerConfig& shape) {
  if (config.quantization.mode == "none") return {};
  Transformer sketch(shape);
  const auto plan = plan_quantization(sketch, quantization_settings(config));
  if (config.quantization.mode != "qat") return {};
  return weights_of(plan, shape.tie_embeddings);
}

nlohmann::ordered_json to_json(const QatNumbers& numbers) {
  return {{"weights", numbers.weights},
          {"activations", numbers.activations},
          {"clipped_weights", numbers.clipped_weights},
          {"clipped_activations", numbers.clipped_activations},
          {"code_flips", numbers.code_flips},
          {"scale_drift", numbers.scale_drift}};
}

Qat::Qat(Transformer& model, const ParameterArena& arena, const TrainingConfig& config, const QatSchedule& schedule,
         int64_t tokens_per_step)
    : schedule_(schedule),
      layers_(model, arena, plan_quantization(model, quantization_settings(config)),
              layer_settings(config, schedule, tokens_per_step)),
      adam_(adamw_settings(config)),
      arena_(arena),
      shape_(model.config()),
      parent_settings_{.dtype = compute_dtype(config), .device = model.device()},
      distill_weight_(config.quantization.qat_distill_weight),
      start_scales_(at::ones_like(layers_.scales())) {
  if (!layers_.learns_scales()) return;
  exp_avg_ = at::zeros_like(start_scales_);
  exp_avg_sq_ = at::zeros_like(start_scales_);
}

void Qat::resume_at(int64_t step) {
  steps_done_ = step;
  layers_.set(false, has_begun());
  has_begun() ? layers_.update() : layers_.show_masters();
}

void Qat::begin_step(int64_t step, bool measured) {
  SLM_CHECK(step == steps_done_);
  quantizing_ = schedule_.quantizes(step);
  measured_ = measured && quantizing_;
  layers_.set(schedule_.observes(step), quantizing_);
  if (step == schedule_.start) {
    layers_.begin(step == 0 ? scales_of_codes_ : ScalesByLayer());
    layers_.update();
    start_scales_.copy_(layers_.scales());
    if (distills()) set_parent(copy_parent(shape_, arena_, parent_settings_));
  }
  SLM_CHECK(!quantizing_ || !distills() || distillation_);
  layers_.clear_gradients();
  codes_before_.clear();
  if (!measured_) return;
  const c10::NoGradGuard no_grad;
  for (const auto& weight : layers_.weights()) codes_before_.push_back(weight.quantized().codes);
}

void Qat::finish_gradients() {
  if (quantizing_ && !has_taken_part_) check_took_part();
  layers_.finish_gradients(quantizing_);
}

void Qat::check_took_part() const {
  for (const auto& weight : layers_.weights()) {
    const auto& [layer, master, computed, gradient, tied, scales, scale_gradient] = weight.forms();
    if (!gradient.defined() || at::count_nonzero(gradient).item<int64_t>() > 0) continue;
    fail(ExitCode::kFailed, "{}: no gradient reached its fake-quantized weight: the layer took no part in the step",
         layer);
  }
  for (const auto& place : layers_.places()) {
    if (place->quantized() > 0 || (place->is_static() && !place->scale())) continue;
    fail(ExitCode::kFailed, "{}: none of its activations was quantized", place->place());
  }
}

void Qat::end_step(bool applied, double learning_rate, double clip_factor) {
  const c10::NoGradGuard no_grad;
  ++steps_done_;
  if (quantizing_ && applied) {
    has_taken_part_ = true;
    if (layers_.learns_scales()) {
      // A scale moves by learning_rate / max, so that the end of its range moves as fast as a weight may.
      const double rate = learning_rate / layers_.weights()[0].scheme().codes().max;
      adamw({layers_.scales(), layers_.scale_gradients(), exp_avg_, exp_avg_sq_}, 0, layers_.scales().numel(),
            {.learning_rate = rate,
             .beta1 = adam_.beta1,
             .beta2 = adam_.beta2,
             .epsilon = adam_.epsilon,
             .weight_decay = 0,
             .clip_factor = clip_factor,
             .step = ++scale_updates_});
    }
  }
  if (applied) quantizing_ ? layers_.update() : layers_.show_masters();
  if (measured_) measure(applied);
  layers_.end_step(applied);
}

void Qat::measure(bool) {
  QatNumbers numbers;
  double flips = 0, clipped = 0, drift = 0;
  for (size_t i = 0; i < layers_.weights().size(); ++i) {
    const auto& weight = layers_.weights()[i];
    const auto now = weight.quantized();
    const auto& master = weight.forms().master;
    numbers.weights += master.numel();
    flips += static_cast<double>(at::count_nonzero(now.codes != codes_before_[i]).item<int64_t>());
    clipped += clipped_share(master, now) * static_cast<double>(master.numel());
  }
  codes_before_.clear();
  int64_t clipped_activations = 0;
  for (const auto& place : layers_.places()) {
    numbers.activations += place->quantized();
    clipped_activations += place->clipped();
  }
  drift = (at::abs(layers_.scales() - start_scales_) / start_scales_).mean().item<double>();
  numbers.code_flips = flips / static_cast<double>(numbers.weights);
  numbers.clipped_weights = clipped / static_cast<double>(numbers.weights);
  if (numbers.activations > 0) {
    numbers.clipped_activations = static_cast<double>(clipped_activations) / static_cast<double>(numbers.activations);
  }
  numbers.scale_drift = drift;
  numbers_ = numbers;
}

nlohmann::ordered_json Qat::state() const {
  nlohmann::ordered_json state = {{"start_step", schedule_.start},
                                  {"freeze_observer_step", schedule_.freeze},
                                  {"scale", layers_.learns_scales() ? "learned" : "dynamic"},
                                  {"steps_done", steps_done_},
                                  {"scale_updates", scale_updates_},
                                  {"places", layers_.places_json()}};
  if (distills()) state["distill_weight"] = distill_weight_;
  return state;
}

StateDict Qat::scales() const {
  if (!layers_.learns_scales() || !has_begun()) return {};
  return named(layers_.by_layer(layers_.scales()), "", ".weight_scale");
}

StateDict Qat::optimizer_state() const {
  if (!has_begun()) return {};
  auto state = named(layers_.by_layer(start_scales_), "start.", ".weight_scale");
  if (!layers_.learns_scales()) return state;
  for (const auto& [prefix, flat] : {std::pair("exp_avg.", exp_avg_), std::pair("exp_avg_sq.", exp_avg_sq_)}) {
    for (auto& tensor : named(layers_.by_layer(flat), prefix, ".weight_scale")) state.push_back(std::move(tensor));
  }
  return state;
}

void Qat::restore(const nlohmann::json& state, const std::string& origin) {
  const nlohmann::json ours = this->state();
  for (const char* key : {"start_step", "freeze_observer_step", "scale", "distill_weight"}) {
    const auto found = state.value(key, nlohmann::json()), now = ours.value(key, nlohmann::json());
    if (found == now) continue;
    const auto words = [](const nlohmann::json& value) { return value.is_null() ? "none" : value.dump(); };
    fail(ExitCode::kUsage, "qat_{}: {} has {}, the config now has {}; put it back, or start a new run with init_from",
         key, origin, words(found), words(now));
  }
  scale_updates_ = state.value("scale_updates", int64_t{0});
  layers_.restore_places(state.value("places", nlohmann::json()), origin + ": qat: places");
}

}  // namespace slm
